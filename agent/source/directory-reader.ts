import type { NodeFacts } from '../../bpf/revision/matches-node.ts';
import type { Bpf } from '../../crds/bpf.ts';
import { type Choice, chooseManifests } from './choose-manifest.ts';
import type { ConfigMap } from './config-map.ts';
import { DirectoryWishes } from './directory-wishes.ts';
import { ManifestFolder } from './manifest-folder.ts';
import type { Manifest } from './manifests.ts';
import { placeText } from './place.ts';
import type { Wishes } from './source.ts';

/** Something in the folder that counts for nothing, and that no rejected BPF stands for. */
export interface DirectoryProblem {
  /** Its name in the folder; absent when the folder itself is the problem. */
  readonly file?: string;
  /** Which of the file, from 1; absent when the whole file is the problem. */
  readonly document?: number;
  /** `verb noun: cause`, naming file, document and field. */
  readonly message: string;
}

export interface DirectoryContent {
  readonly wishes: Wishes;
  readonly problems: readonly DirectoryProblem[];
  /** Documents of other kinds, by file: `a.yaml: v1 Service`. */
  readonly skipped: readonly string[];
}

/** Reads a folder of manifests, and remembers what counted, since an edit must not hurt what runs. */
export class DirectoryReader {
  readonly #folder: ManifestFolder;
  readonly #wishes: DirectoryWishes;
  /** The last good manifest that counted, by ref. */
  #bpfs: ReadonlyMap<string, Manifest<Bpf>> = new Map();
  #configMaps: ReadonlyMap<string, Manifest<ConfigMap>> = new Map();

  constructor(path: string, node: NodeFacts) {
    this.#folder = new ManifestFolder(path);
    this.#wishes = new DirectoryWishes(node);
  }

  /** Reads what has changed; undefined when nothing had. The first time there is always an answer. */
  async read(): Promise<DirectoryContent | undefined> {
    return (await this.#folder.scan()) || !this.#hasRead ? this.#content() : undefined;
  }

  #hasRead = false;

  #content(): DirectoryContent {
    this.#hasRead = true;
    const files = [...this.#folder.files.values()];
    const bpfs = chooseManifests(
      files.flatMap(({ manifests }) => manifests.bpfs),
      this.#bpfs,
    );
    const configMaps = chooseManifests(
      files.flatMap(({ manifests }) => manifests.configMaps),
      this.#configMaps,
    );
    this.#bpfs = accepted(bpfs, this.#bpfs);
    this.#configMaps = accepted(configMaps, this.#configMaps);

    const complete = this.#folder.problem === undefined && !files.some(({ incomplete }) => incomplete);
    const problems = [...this.#readProblems(), ...duplicates('BPF', bpfs), ...duplicates('ConfigMap', configMaps)];
    return {
      wishes: { ...this.#wishes.of(bpfs, configMaps), problems: problems.length, complete },
      problems,
      skipped: [...this.#folder.files].flatMap(([name, file]) =>
        file.manifests.skipped.map((kind) => `${name}: ${kind}`),
      ),
    };
  }

  *#readProblems(): Generator<DirectoryProblem> {
    if (this.#folder.problem !== undefined) yield { message: this.#folder.problem };
    for (const [file, { problem, manifests }] of this.#folder.files) {
      if (problem !== undefined) yield { file, message: problem };
      for (const { place, message } of manifests.unknown) yield { file, document: place.document, message };
    }
  }
}

/** What counts now; where that is wrong, what counted before, whose file keeps the name. */
function accepted<T>(
  choices: ReadonlyMap<string, Choice<T>>,
  before: ReadonlyMap<string, Manifest<T>>,
): ReadonlyMap<string, Manifest<T>> {
  const next = new Map<string, Manifest<T>>();
  for (const [ref, { chosen }] of choices) {
    const counts = chosen.ok ? chosen : before.get(ref);
    if (counts !== undefined) next.set(ref, counts);
  }
  return next;
}

function* duplicates<T>(kind: string, choices: ReadonlyMap<string, Choice<T>>): Generator<DirectoryProblem> {
  for (const [ref, { chosen, others }] of choices) {
    for (const other of others) {
      const { place } = other;
      const about = other.ok ? `read ${placeText(place)}: ${kind} ${ref}` : other.message;
      const message = `${about}: already in ${placeText(chosen.place)}, which counts`;
      yield { file: place.file, document: place.document, message };
    }
    // A wrong BPF is shown as rejected; a ConfigMap only where a BPF refers to it.
    if (kind === 'ConfigMap' && !chosen.ok) {
      yield { file: chosen.place.file, document: chosen.place.document, message: chosen.message };
    }
  }
}
