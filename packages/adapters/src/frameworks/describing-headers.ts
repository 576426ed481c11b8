/** The fields that describe one page: they must not stay on the error page that is sent in its place. */
export const describingHeaders: readonly string[] = [
  'Cache-Control',
  'Content-Disposition',
  'Content-Encoding',
  'Content-Length',
  'ETag',
  'Expires',
  'Last-Modified',
  'Location',
]
