import { type FormEvent, useState } from 'react'
import { call } from '../api/call.ts'
import { Button } from '../ui/button.tsx'
import { SelectField, TextField } from '../ui/field.tsx'
import { FailureNotice } from '../ui/notice.tsx'
import { useAction } from '../ui/use-action.ts'

const continents = [
  { value: 'EU', text: 'Europe' },
  { value: 'NA', text: 'North America' },
  { value: 'AS', text: 'Asia' },
  { value: 'SA', text: 'South America' },
  { value: 'AF', text: 'Africa' },
  { value: 'OC', text: 'Oceania' },
  { value: 'AN', text: 'Antarctica' },
]
const nothing = { provider: '', organisation: '', city: '', country: '', continent: 'EU' }

/** Lets a storage provider take pieces. */
export function RegisterProvider({ registered }: { registered: () => void }) {
  const [said, say] = useState(nothing)
  const registering = useAction(async () => {
    await call('POST', '/account/admin/providers', { body: { ...said, country: said.country.toUpperCase() } })
    say(nothing)
    registered()
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!registering.busy) void registering.run()
  }
  const field = (name: keyof typeof nothing) => ({
    value: said[name],
    required: true,
    onChange: (event: { target: { value: string } }) => say({ ...said, [name]: event.target.value }),
  })
  return (
    <section className="admin-section" aria-labelledby="register">
      <h2 id="register">Register a provider</h2>
      <form className="provider-form" onSubmit={submit}>
        <TextField label="Number, as in f01234" pattern="[ft]0[0-9]+" {...field('provider')} />
        <TextField label="Organisation" maxLength={200} {...field('organisation')} />
        <TextField label="City" maxLength={200} {...field('city')} />
        <TextField label="Country, two letters" minLength={2} maxLength={2} {...field('country')} />
        <SelectField label="Continent" choices={continents} {...field('continent')} />
        <Button type="submit" busy={registering.busy}>
          Register
        </Button>
      </form>
      {registering.error !== undefined && <FailureNotice error={registering.error} />}
    </section>
  )
}
