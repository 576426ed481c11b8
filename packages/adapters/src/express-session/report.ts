import type { OnEvent, SessionEvent } from '@coatcheck/core'

/** Where events go. What a hook throws is printed: a faulty hook never harms a request. */
export function reporterOf(onEvent: OnEvent | undefined): OnEvent {
  if (onEvent === undefined) return warnOnce()
  return (event) => {
    try {
      onEvent(event)
    } catch (error) {
      console.error('coatcheck: the onEvent hook threw', error)
    }
  }
}

/** Without a hook, only the silences that cost developers days are broken, and each only once. */
function warnOnce(): OnEvent {
  const said = new Set<SessionEvent['type']>()
  return (event) => {
    const warning = warningOf(event)
    if (warning === null || said.has(event.type)) return
    said.add(event.type)
    console.warn(`coatcheck: ${warning}`)
  }
}

function warningOf(event: SessionEvent): string | null {
  if (event.type === 'insecure') return `no session cookie was set (${event.reason}). ${event.remedy}`
  if (event.type !== 'withheld') return null
  return 'a new session was first changed after the head of the response had been sent, and is lost. Change it before anything is written.'
}
