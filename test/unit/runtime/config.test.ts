import { z } from 'zod';
import { type ConfigInput, type ConfigSpec, parseConfig } from '../../../runtime/config.ts';

const schema = z
  .object({
    listen: z.string().default('0.0.0.0:1').describe('Where to serve').meta({ value: 'HOST:PORT' }),
    stateDir: z.string().min(1).describe('State').meta({ value: 'DIR' }),
    nodeName: z.string().optional().meta({ env: 'NODE_NAME' }),
    workers: z.number().int().positive().default(2),
    watch: z.boolean().default(false).describe('Follow changes'),
    leaderElect: z.boolean().default(true),
    logLevel: z.enum(['info', 'debug']).default('info'),
    namespaces: z.array(z.string()).default([]),
  })
  .refine(({ watch, nodeName }) => !watch || nodeName !== undefined, { path: ['watch'], message: 'needs --node-name' });

const spec: ConfigSpec<typeof schema> = { program: 'prog', summary: 'Does things.', envPrefix: 'PROG', schema };
const parse = (argv: readonly string[], env: ConfigInput['env'] = {}) => parseConfig(spec, { argv, env });
const valueOfParse = (argv: readonly string[], env: ConfigInput['env'] = {}) => {
  const result = parse(['--state-dir', '/s', ...argv], env);
  if (result.type !== 'value') throw new Error(JSON.stringify(result));
  return result.value;
};
const faults = (argv: readonly string[], env: ConfigInput['env'] = {}) => {
  const result = parse(argv, env);
  return result.type === 'faults' ? result.faults : result.type;
};

describe('parseConfig', () => {
  test('defaults', () => {
    const defaults = {
      listen: '0.0.0.0:1',
      workers: 2,
      watch: false,
      leaderElect: true,
      logLevel: 'info',
      namespaces: [],
    };
    expect(valueOfParse([])).toEqual({ ...defaults, stateDir: '/s' });
  });

  test.each<[readonly string[], ConfigInput['env'], object]>([
    [['--listen', ':2'], {}, { listen: ':2' }],
    [['--listen=:2'], {}, { listen: ':2' }],
    [['--listen=a=b'], {}, { listen: 'a=b' }],
    [['--listen=:2', '--listen=:3'], {}, { listen: ':3' }],
    [['--workers=-1'.replace('-1', '7')], {}, { workers: 7 }],
    [['--watch', '--node-name=n'], {}, { watch: true }],
    [['--node-name', 'n', '--watch=true'], {}, { watch: true }],
    [['--leader-elect=false'], {}, { leaderElect: false }],
    [['--namespaces', 'a,b', '--namespaces=c'], {}, { namespaces: ['a', 'b', 'c'] }],
    [[], { PROG_LISTEN: ':9' }, { listen: ':9' }],
    [['--listen=:2'], { PROG_LISTEN: ':9' }, { listen: ':2' }],
    [[], { NODE_NAME: 'n1' }, { nodeName: 'n1' }],
    [[], { NODE_NAME: 'n1', PROG_NODE_NAME: 'n2' }, { nodeName: 'n2' }],
    [[], { PROG_LEADER_ELECT: 'false', PROG_WORKERS: '5' }, { leaderElect: false, workers: 5 }],
    [[], { PROG_LISTEN: '' }, { listen: '0.0.0.0:1' }],
    [[], { PROG_NAMESPACES: 'a, b' }, { namespaces: ['a', 'b'] }],
  ])('%j %j', (argv, env, wanted) => {
    expect(valueOfParse(argv, env)).toMatchObject(wanted);
  });

  test.each<[string, readonly string[], ConfigInput['env'], readonly (string | RegExp)[]]>([
    ['a missing value', [], {}, ['--state-dir: is required (or PROG_STATE_DIR)']],
    ['an unknown flag', ['--state-dir=/s', '--lisen', ':2'], {}, ['--lisen: no such flag, did you mean --listen?']],
    ['a flag far from all', ['--state-dir=/s', '--frobnicate=1'], {}, ['--frobnicate: no such flag']],
    ['no flag at all', ['--state-dir=/s', 'serve'], {}, ['serve: not a flag, and nothing else is expected']],
    ['no number', ['--state-dir=/s', '--workers=many'], {}, [/^--workers: "many" .*expected number/]],
    ['a number too small', ['--state-dir=/s'], { PROG_WORKERS: '0' }, [/^PROG_WORKERS: "0" /]],
    ['no boolean', ['--state-dir=/s', '--watch=maybe'], {}, [/^--watch: "maybe" .*expected boolean/]],
    ['none of the choices', ['--state-dir=/s', '--log-level=loud'], {}, [/^--log-level: "loud" .*"info"\|"debug"/]],
    ['a rule across fields', ['--state-dir=/s', '--watch'], {}, ['--watch: "true" needs --node-name']],
    [
      'a variable of ours that means nothing',
      ['--state-dir=/s'],
      { PROG_LISEN: 'x' },
      ['PROG_LISEN: no such setting, did you mean PROG_LISTEN?'],
    ],
  ])('%s', (_, argv, env, wanted) => {
    const found = faults(argv, env);
    expect(found).toHaveLength(wanted.length);
    for (const [index, text] of wanted.entries()) {
      if (typeof text === 'string') expect(found[index]).toBe(text);
      else expect(found[index]).toMatch(text);
    }
  });

  test('a flag without its value', () => {
    expect(faults(['--state-dir'])).toEqual([
      '--state-dir: needs a value (DIR)',
      '--state-dir: is required (or PROG_STATE_DIR)',
    ]);
    expect(faults(['--state-dir=/s', '--listen', '--watch=false'])).toEqual(['--listen: needs a value (HOST:PORT)']);
  });

  test('all faults at once', () => {
    const found = faults(['--workers=x', '--nope', 'y', '--log-level=z'], { PROG_ODD: '1' });
    expect(found).toHaveLength(5);
    for (const name of ['--nope', 'PROG_ODD', '--state-dir', '--workers', '--log-level']) {
      expect((found as readonly string[]).filter((fault) => fault.startsWith(`${name}:`))).toHaveLength(1);
    }
  });

  test("variables that the kubelet sets for a Service of our name are nobody's mistake", () => {
    const env = {
      PROG_SERVICE_HOST: '10.0.0.1',
      PROG_SERVICE_PORT_METRICS: '1',
      PROG_PORT: 'tcp://x',
      PROG_PORT_1_TCP_ADDR: 'x',
    };
    expect(valueOfParse([], env).listen).toBe('0.0.0.0:1');
  });

  test.each([[['--help']], [['-h']], [['--nope', '--help']]])(
    '%j shows every flag, its default and its variables',
    (argv) => {
      const result = parse(argv);
      if (result.type !== 'help') throw new Error(result.type);
      expect(result.text).toContain('Usage: prog [FLAG]...\nDoes things.\n');
      expect(result.text).toContain('  --listen HOST:PORT\n      Where to serve (default 0.0.0.0:1; PROG_LISTEN)\n');
      expect(result.text).toContain('  --state-dir DIR\n      State (required; PROG_STATE_DIR)\n');
      expect(result.text).toContain('  --watch[=false]\n      Follow changes (default false; PROG_WATCH)\n');
      expect(result.text).toContain('  --log-level info|debug\n');
      expect(result.text).toContain('(PROG_NODE_NAME, NODE_NAME)');
    },
  );

  test('a schema that flags cannot express is a mistake of the program', () => {
    const odd = { ...spec, schema: z.object({ nested: z.object({}) }) };
    expect(() => parseConfig(odd, { argv: [], env: {} })).toThrow('option nested: a object cannot be given as a flag');
  });
});
