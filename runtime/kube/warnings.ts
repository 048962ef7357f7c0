/** RFC 7234 5.5: `299 - "text"`, quotes and backslashes in the text escaped; several may share one header line. */
const warningPattern = /299 \S+ "((?:[^"\\]|\\.)*)"/g;

/** The texts of `Warning:` headers. */
export function warningsOf(headers: readonly string[] | undefined): string[] {
  return (headers ?? []).flatMap((header) =>
    [...header.matchAll(warningPattern)].map((match) => (match[1] ?? '').replace(/\\(.)/g, '$1')),
  );
}
