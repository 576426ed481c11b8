/** Express 4 under another name, so that both can be installed; what the tests use of it is the same in 5. */
declare module 'express4' {
  export { default } from 'express'
}
