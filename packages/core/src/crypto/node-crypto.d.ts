/** The parts of Node's modules that are used here: core is compiled without the types of any runtime. */
declare module 'node:buffer' {
  const Buffer: { from(text: string, encoding: 'latin1'): Uint8Array }
}

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
