export { cookieValues } from './cookie/cookie-header.ts'
