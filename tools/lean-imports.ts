import { createRequire } from 'node:module';
import type { OnLoadResult, Plugin } from 'esbuild';

const require = createRequire(import.meta.url);

/**
 * Imports that bring what nobody asked for, taken apart: the bundle then has what is used of them and nothing else. It
 * starts with 3 MiB less.
 *
 * - An `import` of `node:http` reads every export that the module has, WebSocket among them, for which Node then starts
 *   all of undici; `require` reads none. The same holds for koffi, which imports `node:fs` and `node:util` so.
 * - prom-client's main file requires its cluster registry, its client of a push gateway (and with that TLS) and the API
 *   of OpenTelemetry.
 */
export const leanImports: Plugin = {
  name: 'lean imports',
  setup({ onResolve, onLoad }) {
    const namespace = 'lean';
    onResolve({ filter: /^(node:.*|koffi|prom-client)$/ }, ({ path, kind }) =>
      kind === 'import-statement' ? { path, namespace } : undefined,
    );
    onLoad({ filter: /^node:/, namespace }, ({ path }) => builtin(path));
    onLoad({ filter: /^koffi$/, namespace }, ({ path }) => ({ contents: `export default require('${path}');` }));
    onLoad({ filter: /^prom-client$/, namespace }, () => promClient());
  },
};

/** Each export by itself, so that those that nobody imports are dropped unread. */
function builtin(path: string): OnLoadResult {
  const names = Object.keys(require(path) as object).filter((name) => name !== 'default' && /^[A-Za-z]\w*$/.test(name));
  const exports = names.map((name) => `export const ${name} = /* @__PURE__ */ (() => whole.${name})();`);
  return { contents: [`const whole = require('${path}');`, 'export default whole;', ...exports].join('\n') };
}

/** What we use of prom-client, and the file of it that has it. Another name is an error of the bundler. */
const promClientFiles = {
  Counter: 'counter',
  Gauge: 'gauge',
  Histogram: 'histogram',
  Registry: 'registry',
  collectDefaultMetrics: 'defaultMetrics',
};

function promClient(): OnLoadResult {
  const exports = Object.entries(promClientFiles).map(
    ([name, file]) => `export const ${name} = /* @__PURE__ */ (() => require('prom-client/lib/${file}'))();`,
  );
  return { contents: exports.join('\n'), resolveDir: import.meta.dirname };
}
