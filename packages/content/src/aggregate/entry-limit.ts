/** Things one aggregate may hold, in either layout: as many as the index of a 32 GiB piece has room for (FRC-0058). */
export const MAX_ENTRIES = 262_144
