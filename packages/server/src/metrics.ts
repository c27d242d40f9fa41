import { aggregateMetrics } from './aggregates/metrics.ts'
import { announcementMetrics } from './announcements/metrics.ts'
import { dealMetrics } from './deals/metrics.ts'
import { trackMetrics } from './deals/track/metrics.ts'
import type { Collector } from './http/metrics.ts'
import { pinMetrics } from './pins/metrics.ts'
import { retrievalMetrics } from './retrievals/metrics.ts'
import type { Service } from './service.ts'
import { peerMetrics } from './status/peer-metrics.ts'
import { serviceMetrics } from './status/service-metrics.ts'

/** What `/metrics` tells, part by part. A part joins with one line. */
export function metricCollectors(service: Service): Collector[] {
  return [
    serviceMetrics(service),
    pinMetrics(service),
    announcementMetrics(service),
    aggregateMetrics(service),
    trackMetrics(service),
    retrievalMetrics(service),
    dealMetrics(service),
    peerMetrics(service),
  ]
}
