/** As the variant for Node: elsewhere no response of Node stands below the one of the handler. */
export const nodeResponseOf = (_env: unknown): undefined => undefined
