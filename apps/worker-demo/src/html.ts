import { html } from 'hono/html'

/** Escaped markup: what the tagged template `html` makes. */
export type Html = ReturnType<typeof html>
