// Loaded before a server that a command has started for itself (`--import`): standard input is a pipe that only the command holds, so
// its end means that the command is done, or dead.
process.stdin.on('end', () => process.kill(process.pid, 'SIGTERM'))
process.stdin.resume()
;(process.stdin as unknown as { unref(): void }).unref()
