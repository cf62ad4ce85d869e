// @ts-check
import { fileURLToPath } from 'node:url'
import { tiny } from './tiny.js'
import { withFlags } from './variants.js'

/**
 * What a hook in the process costs small uploads, where it is felt most. Tusker only.
 * @type {import('../types.ts').Row}
 */
export const hook = {
  ...tiny('hook', 32, 3000),
  title: () => 'POST + PATCH 4 KiB + HEAD, 32 connections, with a hook in the process',
  contestants: (peers) =>
    peers
      .filter((peer) => peer.name === 'tusker')
      .flatMap((peer) => [
        { ...peer, name: 'no hook' },
        { ...withFlags(peer, module('pre-create')), name: 'preCreate' },
        { ...withFlags(peer, module('post-finish')), name: 'postFinish' },
      ]),
}

/** @param {string} event */
function module(event) {
  return ['-hooks-plugin', fileURLToPath(new URL('../peers/hooks.js', import.meta.url)), '-hooks-plugin-events', event]
}
