import { findBinaries } from './harness/binaries.ts';

/** jest's globalSetup for this lane: what may take minutes (a first build) happens before any test's clock runs. */
// biome-ignore lint/style/noDefaultExport: jest takes the default export
export default async function globalSetup(): Promise<void> {
  if (process.env['USE_EXISTING_CLUSTER'] !== 'true') await findBinaries(process.env);
}
