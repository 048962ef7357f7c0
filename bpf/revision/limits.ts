/** What a ConfigMap can hold (apimachinery core validation, MaxSecretSize); directory mode keeps to it as well. */
export const storedMaxBytes = 1024 * 1024;

/** Of a gzipped object, after gunzip. Sixteen times the largest object that needs no gzip; a bomb stops here. */
export const objectMaxBytes = 16 * 1024 * 1024;

/** Keys of a ConfigMap that a message lists. */
export const listedKeysMax = 10;
