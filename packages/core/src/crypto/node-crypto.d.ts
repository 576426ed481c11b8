/** The part of Node's module that is used here: core is compiled without the types of any runtime. */
declare module 'node:crypto' {
  interface KeyObject {
    readonly type: 'secret'
  }
  interface NodeHmac {
    update(text: string): this
    digest(encoding: 'base64url'): string
  }
  function createSecretKey(key: Uint8Array): KeyObject
  function createHmac(algorithm: 'sha256', key: KeyObject): NodeHmac
  function hkdfSync(
    digest: 'sha256',
    key: Uint8Array,
    salt: string,
    info: string,
    length: number,
  ): ArrayBuffer
  function timingSafeEqual(one: Uint8Array, other: Uint8Array): boolean
}
