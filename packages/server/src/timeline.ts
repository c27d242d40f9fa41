import { packingRules } from './aggregates/rules.ts'
import { aggregateTimeline } from './aggregates/timeline.ts'
import { announcementTimeline } from './announcements/timeline.ts'
import { dealTimeline } from './deals/track/timeline.ts'
import { pinTimeline } from './pins/timeline.ts'
import { retrievalTimeline } from './retrievals/timeline.ts'
import type { Service } from './service.ts'
import type { TimelineSource } from './uploads/timeline.ts'
import { uploadTimeline } from './uploads/timeline.ts'

/** What became of a content, told part by part, in the order in which it becomes true: what a file's page shows. A part joins with one line. */
export function timelineSources(service: Service): TimelineSource[] {
  return [
    uploadTimeline(service),
    pinTimeline(service),
    announcementTimeline(service),
    aggregateTimeline({ ...service, rules: packingRules(service.config) }),
    dealTimeline(service),
    retrievalTimeline(service),
  ]
}
