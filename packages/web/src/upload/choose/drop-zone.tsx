import { type ChangeEvent, type DragEvent, useId, useRef, useState } from 'react'
import { Button } from '../../ui/button.tsx'
import { type Choice, choiceOfFolder, choicesOfFiles } from './choice.ts'
import { choicesOfDrop } from './dropped.ts'

interface DropZoneProps {
  onChoose: (choices: readonly Choice[]) => void
  onProblem: (sentence: string) => void
}

/** Where files, folders and CARs are dropped or chosen. */
export function DropZone({ onChoose, onProblem }: DropZoneProps) {
  const [isOver, setIsOver] = useState(false)
  const [isTogether, setIsTogether] = useState(false)
  const filesInput = useRef<HTMLInputElement>(null)
  const folderInput = useRef<HTMLInputElement>(null)
  const together = useId()
  const take = (event: ChangeEvent<HTMLInputElement>, choicesOf: (files: File[]) => Choice[]) => {
    const files = [...(event.target.files ?? [])]
    // The same files can be chosen again.
    event.target.value = ''
    if (files.length > 0) onChoose(choicesOf(files))
  }
  const drop = (event: DragEvent) => {
    event.preventDefault()
    setIsOver(false)
    choicesOfDrop(event.dataTransfer, isTogether).then(onChoose, () =>
      onProblem('What was dropped could not be read. Choose it with the buttons instead.'),
    )
  }
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the buttons inside do the same by keyboard
    <div
      className={`drop-zone ${isOver ? 'drop-zone-over' : ''}`}
      onDragOver={(event) => {
        event.preventDefault()
        setIsOver(true)
      }}
      onDragLeave={(event) => !event.currentTarget.contains(event.relatedTarget as Node | null) && setIsOver(false)}
      onDrop={drop}
    >
      <DropPicture />
      <p className="drop-zone-title">{isOver ? 'Let go to store it' : 'Drop files, a folder or a CAR here'}</p>
      <div className="drop-zone-buttons">
        <Button kind="main" onClick={() => filesInput.current?.click()}>
          Choose files
        </Button>
        <Button onClick={() => folderInput.current?.click()}>Choose a folder</Button>
      </div>
      <label className="check" htmlFor={together}>
        <input id={together} type="checkbox" checked={isTogether} onChange={(event) => setIsTogether(event.target.checked)} />
        Put several files into one directory, with one CID
      </label>
      <input
        ref={filesInput}
        type="file"
        multiple
        hidden
        aria-label="Files"
        data-choose="files"
        onChange={(event) => take(event, (files) => choicesOfFiles(files, isTogether))}
      />
      <input
        ref={folderInput}
        type="file"
        multiple
        hidden
        aria-label="A folder"
        data-choose="folder"
        {...{ webkitdirectory: '' }}
        onChange={(event) =>
          take(event, (files) => {
            const folder = choiceOfFolder(files)
            return folder ? [folder] : []
          })
        }
      />
    </div>
  )
}

/** A leaf of paper going into the locket. */
function DropPicture() {
  return (
    <svg className="drop-picture" viewBox="0 0 96 72" aria-hidden="true">
      <path className="mark-closed" d="M46 30v36a18 18 0 0 1 0-36z" />
      <path className="mark-open" d="M50 30v36a18 18 0 0 0 0-36z" />
      <path
        className="drop-picture-sheet"
        d="M40 4h11l7 7v15M40 4v22M51 4v7h7"
        fill="none"
        strokeWidth="2"
        strokeLinejoin="round"
        strokeLinecap="round"
      />
    </svg>
  )
}
