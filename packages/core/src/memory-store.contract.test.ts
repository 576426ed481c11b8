import { describe, test } from 'vitest'
import { memoryStore } from './memory-store.ts'
import { testStore } from './testing.ts'

testStore('memoryStore', () => memoryStore(), { describe, test })
