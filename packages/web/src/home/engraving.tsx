import { useEffect, useState } from 'react'
import { canHash, contentAddress } from './content-address.ts'

/** Shows by trying it that an address is made from what it names. */
export function Engraving() {
  const [text, setText] = useState('hello world!')
  const [cid, setCid] = useState('bafkreidvbhs33ighmljlvr7zbv2ywwzcmp5adtf4kqvlly67cy56bdtmve')
  useEffect(() => {
    let isCurrent = true
    if (canHash()) void contentAddress(text).then((made) => isCurrent && setCid(made))
    return () => {
      isCurrent = false
    }
  }, [text])
  return (
    <figure className="engraving">
      <div className="field">
        <label htmlFor="engraving-text">{canHash() ? 'Type anything' : 'This text'}</label>
        <input
          id="engraving-text"
          value={text}
          readOnly={!canHash()}
          maxLength={200}
          autoComplete="off"
          onChange={(event) => setText(event.target.value)}
        />
      </div>
      <p className="label" id="engraving-cid">
        Its address
      </p>
      <output htmlFor="engraving-text" aria-labelledby="engraving-cid" className="engraving-cid">
        {cid.match(/.{1,10}/g)?.map((part, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: its place is what tells one part from another
          <span key={i}>{part}</span>
        ))}
      </output>
      <figcaption>
        Made from the bytes, here in your browser. Change one letter and it is another. Whoever has the address can check what
        they are given.
      </figcaption>
    </figure>
  )
}
