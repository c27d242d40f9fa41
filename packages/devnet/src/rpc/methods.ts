/** Answers to calls by name, without `Filecoin.`. They throw `LotusError` for what the caller is to be told. */
export type Methods = Record<string, (params: readonly unknown[]) => Promise<unknown>>
