import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { PayloadCache } from '../../../../agent/source/payload-cache.ts';
import { PayloadError } from '../../../../agent/source/payload-error.ts';
import { PayloadFetch } from '../../../../agent/source/payload-fetch.ts';
import { payloadConfigMaps } from '../../../../agent/source/resources.ts';
import { objectMaxBytes } from '../../../../bpf/revision/limits.ts';
import { sha256 } from '../../../../runtime/sha256.ts';
import { type KubeTarget, openTarget } from '../../../apiserver/kube-suite/target.ts';
import { minimalElf } from '../../../fixtures/elf-builder.ts';
import { payloadDraft, revisionDraft } from '../../../fixtures/revisions.ts';
import { AgentRig, fakeApi } from './agent-rig.ts';

let target: KubeTarget;
beforeAll(async () => {
  target = await openTarget(fakeApi().handle);
});
afterAll(() => target[Symbol.asyncDispose]());
afterEach(() => target.faulty.heal());

let objects = 0;
/** Each test has an object of its own: they share a server. */
const newElf = () => minimalElf({ sections: [{ name: '.comment', data: [++objects] }] });

class FetchRig extends AgentRig {
  readonly fetcher = new PayloadFetch(this.client, new PayloadCache(join(this.folder, 'payloads'), this.log.logger));

  constructor() {
    super(target);
    target.faulty.forget();
  }

  fetch(elf: Uint8Array, signal = new AbortController().signal): Promise<Uint8Array> {
    return this.fetcher.fetch('default/pkts', revisionDraft({ elf }).spec.payload, signal);
  }

  async failure(elf: Uint8Array): Promise<PayloadError> {
    const thrown: unknown = await this.fetch(elf).catch((error: unknown) => error);
    if (thrown instanceof PayloadError) return thrown;
    throw new Error('not a PayloadError', { cause: thrown });
  }
}

describe('the object of a revision', () => {
  test.each<[string, (elf: Uint8Array) => Uint8Array]>([
    ['as it is', (elf) => elf],
    ['gzipped', (elf) => gzipSync(elf)],
  ])("comes from the operator's ConfigMap, %s, and from disk the next time", async (_what, stored) => {
    await using rig = new FetchRig();
    const elf = newElf();
    await rig.makePayload(elf, stored(elf));
    expect(Buffer.from(await rig.fetch(elf))).toEqual(Buffer.from(elf));
    expect(target.faulty.requests).toMatchObject([{ method: 'GET', headers: { 'accept-encoding': 'identity' } }]);
    expect(target.faulty.requests[0]?.url.search).toBe('?resourceVersion=0');
    expect(Buffer.from(await rig.fetch(elf))).toEqual(Buffer.from(elf));
    expect(target.faulty.requests).toHaveLength(1);
    expect(readdirSync(join(rig.folder, 'payloads'))).toEqual([sha256(elf)]);
  });

  test("is asked for once more when the server's cache does not have it yet", async () => {
    await using rig = new FetchRig();
    const elf = newElf();
    await rig.makePayload(elf);
    target.faulty.inject({ type: 'answer', status: 404, reason: 'NotFound' }, ({ url }) =>
      url.searchParams.has('resourceVersion'),
    );
    expect(Buffer.from(await rig.fetch(elf))).toEqual(Buffer.from(elf));
    expect(target.faulty.requests.map(({ url }) => url.search)).toEqual(['?resourceVersion=0', '']);
  });

  test('that is not there is PayloadUnavailable, after two questions', async () => {
    await using rig = new FetchRig();
    const { code, message, facts } = await rig.failure(newElf());
    expect([code, facts]).toEqual(['PayloadUnavailable', { ref: 'default/pkts' }]);
    expect(message).toMatch(
      /^fetch object of default\/pkts: ConfigMap bpf-system\/bpf-payload-[0-9a-f]{16}: .*not found/,
    );
    expect(target.faulty.requests).toHaveLength(2);
  });

  test('that we may not read says so', async () => {
    await using rig = new FetchRig();
    target.faulty.inject({ type: 'answer', status: 403, reason: 'Forbidden' });
    expect(await rig.failure(newElf())).toMatchObject({
      code: 'PayloadUnavailable',
      message: expect.stringContaining('403 Forbidden'),
    });
  });

  test.each<[string, (elf: Uint8Array) => Uint8Array, string, RegExp]>([
    ['another object', () => newElf(), 'DigestMismatch', /its sha256 is [0-9a-f]{64}, pinned is [0-9a-f]{64}$/],
    ['half of it', (elf) => elf.subarray(1), 'DigestMismatch', /its sha256/],
    ['half a gzip', (elf) => gzipSync(elf).subarray(0, -9), 'InvalidObject', /gunzip: /],
    [
      'a bomb',
      () => gzipSync(new Uint8Array(objectMaxBytes + 1)),
      'InvalidObject',
      /more than 16777216 bytes after gunzip/,
    ],
  ])('%s is refused and not kept', async (_what, stored, code, message) => {
    await using rig = new FetchRig();
    const elf = newElf();
    await rig.makePayload(elf, stored(elf));
    expect(await rig.failure(elf)).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(() => readdirSync(join(rig.folder, 'payloads'))).toThrow('ENOENT');
  });

  test('under another key is none', async () => {
    await using rig = new FetchRig();
    const elf = newElf();
    await rig.other.create(payloadConfigMaps, { ...payloadDraft(elf), binaryData: { other: '' } });
    expect(await rig.failure(elf)).toMatchObject({
      code: 'PayloadUnavailable',
      message: expect.stringMatching(/no key object$/),
    });
  });

  test('is not waited for when nobody wants it any more', async () => {
    await using rig = new FetchRig();
    target.faulty.inject({ type: 'hang' });
    const stop = new AbortController();
    const fetched = rig.fetch(newElf(), stop.signal);
    stop.abort(new Error('enough'));
    await expect(fetched).rejects.toThrow('enough');
  });
});
