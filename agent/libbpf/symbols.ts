/**
 * Each C function that we call: its prototype as the headers have it (pointers that we hand through are `void *`), and the
 * libbpf version that brought it. All of these are in libbpf 1.0, the oldest that we accept.
 */
export interface CSymbol {
  readonly prototype: string;
  readonly since: string;
}

export const libbpfSymbols = {
  libbpf_major_version: { prototype: 'uint32_t libbpf_major_version(void)', since: '0.6' },
  libbpf_minor_version: { prototype: 'uint32_t libbpf_minor_version(void)', since: '0.6' },
  libbpf_set_print: { prototype: 'void *libbpf_set_print(void *fn)', since: '0.0.1' },
  libbpf_strerror: { prototype: 'int libbpf_strerror(int err, void *buf, size_t size)', since: '0.0.1' },
  libbpf_num_possible_cpus: { prototype: 'int libbpf_num_possible_cpus(void)', since: '0.0.4' },
  libbpf_probe_bpf_prog_type: {
    prototype: 'int libbpf_probe_bpf_prog_type(int prog_type, const void *opts)',
    since: '0.6',
  },
  libbpf_probe_bpf_map_type: {
    prototype: 'int libbpf_probe_bpf_map_type(int map_type, const void *opts)',
    since: '0.6',
  },
  bpf_object__open_mem: {
    prototype: 'void *bpf_object__open_mem(const void *obj_buf, size_t obj_buf_sz, const void *opts)',
    since: '0.0.6',
  },
  bpf_object__load: { prototype: 'int bpf_object__load(void *obj)', since: '0.0.1' },
  bpf_object__close: { prototype: 'void bpf_object__close(void *obj)', since: '0.0.1' },
  bpf_object__next_program: {
    prototype: 'void *bpf_object__next_program(const void *obj, void *prog)',
    since: '0.6',
  },
  bpf_program__name: { prototype: 'const char *bpf_program__name(const void *prog)', since: '0.2' },
  bpf_program__section_name: { prototype: 'const char *bpf_program__section_name(const void *prog)', since: '0.2' },
  bpf_program__type: { prototype: 'int bpf_program__type(const void *prog)', since: '0.0.6' },
  bpf_program__set_type: { prototype: 'int bpf_program__set_type(void *prog, int type)', since: '0.0.1' },
  bpf_program__expected_attach_type: {
    prototype: 'int bpf_program__expected_attach_type(const void *prog)',
    since: '0.0.6',
  },
  bpf_program__set_autoload: { prototype: 'int bpf_program__set_autoload(void *prog, bool autoload)', since: '0.1' },
  bpf_program__autoload: { prototype: 'bool bpf_program__autoload(const void *prog)', since: '0.1' },
  bpf_program__fd: { prototype: 'int bpf_program__fd(const void *prog)', since: '0.0.1' },
  bpf_program__set_log_buf: {
    prototype: 'int bpf_program__set_log_buf(void *prog, void *log_buf, size_t log_size)',
    since: '0.7',
  },
  bpf_program__attach: { prototype: 'void *bpf_program__attach(const void *prog)', since: '0.0.3' },
  bpf_program__attach_cgroup: {
    prototype: 'void *bpf_program__attach_cgroup(const void *prog, int cgroup_fd)',
    since: '0.0.8',
  },
  bpf_object__next_map: { prototype: 'void *bpf_object__next_map(const void *obj, const void *map)', since: '0.6' },
  bpf_map__name: { prototype: 'const char *bpf_map__name(const void *map)', since: '0.0.1' },
  bpf_map__type: { prototype: 'int bpf_map__type(const void *map)', since: '0.2' },
  bpf_map__key_size: { prototype: 'uint32_t bpf_map__key_size(const void *map)', since: '0.2' },
  bpf_map__value_size: { prototype: 'uint32_t bpf_map__value_size(const void *map)', since: '0.2' },
  bpf_map__max_entries: { prototype: 'uint32_t bpf_map__max_entries(const void *map)', since: '0.2' },
  bpf_map__set_max_entries: {
    prototype: 'int bpf_map__set_max_entries(void *map, uint32_t max_entries)',
    since: '0.2',
  },
  bpf_map__map_flags: { prototype: 'uint32_t bpf_map__map_flags(const void *map)', since: '0.2' },
  bpf_map__is_internal: { prototype: 'bool bpf_map__is_internal(const void *map)', since: '0.0.2' },
  bpf_map__fd: { prototype: 'int bpf_map__fd(const void *map)', since: '0.0.1' },
  bpf_map__set_pin_path: { prototype: 'int bpf_map__set_pin_path(void *map, const char *path)', since: '0.0.6' },
  bpf_map__set_initial_value: {
    prototype: 'int bpf_map__set_initial_value(void *map, const void *data, size_t size)',
    since: '0.0.6',
  },
  bpf_map__initial_value: { prototype: 'void *bpf_map__initial_value(void *map, void *psize)', since: '0.8' },
  bpf_link__update_program: { prototype: 'int bpf_link__update_program(void *link, void *prog)', since: '0.0.8' },
  bpf_link__destroy: { prototype: 'int bpf_link__destroy(void *link)', since: '0.0.3' },
  bpf_map_lookup_batch: {
    prototype:
      'int bpf_map_lookup_batch(int fd, void *in_batch, void *out_batch, void *keys, void *values, void *count, const void *opts)',
    since: '0.0.7',
  },
  bpf_map_get_next_key: {
    prototype: 'int bpf_map_get_next_key(int fd, const void *key, void *next_key)',
    since: '0.0.1',
  },
  bpf_map_lookup_elem: { prototype: 'int bpf_map_lookup_elem(int fd, const void *key, void *value)', since: '0.0.1' },
  bpf_map_update_elem: {
    prototype: 'int bpf_map_update_elem(int fd, const void *key, const void *value, uint64_t flags)',
    since: '0.0.1',
  },
  bpf_map_delete_elem: { prototype: 'int bpf_map_delete_elem(int fd, const void *key)', since: '0.0.1' },
  bpf_obj_get: { prototype: 'int bpf_obj_get(const char *pathname)', since: '0.0.1' },
  bpf_obj_get_info_by_fd: {
    prototype: 'int bpf_obj_get_info_by_fd(int bpf_fd, void *info, void *info_len)',
    since: '0.0.1',
  },
  bpf_enable_stats: { prototype: 'int bpf_enable_stats(int type)', since: '0.0.9' },
} as const satisfies Record<string, CSymbol>;

/** From the C library: packet sockets, the instance's lock, and the text of libbpf's log lines. */
export const libcSymbols = {
  vsnprintf: 'int vsnprintf(void *s, size_t n, void *format, void *ap)',
  socket: 'int socket(int domain, int type, int protocol)',
  setsockopt: 'int setsockopt(int fd, int level, int name, const void *value, uint32_t length)',
  bind: 'int bind(int fd, const void *address, uint32_t length)',
  close: 'int close(int fd)',
  // Variadic in C; Linux on x86-64 and arm64 passes such an int like any other.
  fcntl: 'int fcntl(int fd, int op, int arg)',
  flock: 'int flock(int fd, int operation)',
} as const;
