"""Every question there is, as one type: what the wire decodes and the daemon answers."""

from __future__ import annotations

from fnr.api import (
    alert_requests,
    breaker_requests,
    chaos_requests,
    incident_requests,
    letter_requests,
    replay_requests,
    requests,
    resource_requests,
    rule_requests,
    undo_requests,
)

AnyRequest = (
    requests.GetStatus
    | requests.ListTasks
    | requests.GetTask
    | letter_requests.ListLetters
    | letter_requests.GetLetterStats
    | letter_requests.ExportLetters
    | letter_requests.PreviewPurge
    | letter_requests.PreviewResolve
    | requests.PreviewCancel
    | requests.ListWorkers
    | requests.ListFunctions
    | requests.ListLogSpans
    | requests.GetStoreStats
    | incident_requests.ListErrors
    | incident_requests.GetError
    | incident_requests.ListIncidents
    | incident_requests.GetIncident
    | incident_requests.ListSimilar
    | rule_requests.ListErrorRecords
    | rule_requests.ListCorrections
    | rule_requests.ListRuleCounts
    | alert_requests.ListAlerts
    | breaker_requests.ListBreakers
    | breaker_requests.GetBreaker
    | breaker_requests.ListBreakerMoves
    | resource_requests.ListAllocations
    | resource_requests.ListGpus
    | resource_requests.TrustGpu
    | resource_requests.ExplainWait
    | undo_requests.ListUndo
    | undo_requests.GetUndo
    | replay_requests.ListReplays
    | replay_requests.GetReplay
    | replay_requests.ListReplayEntries
    | requests.Submit
    | requests.SubmitMany
    | requests.WaitTasks
    | requests.CancelTasks
    | requests.PauseFunction
    | requests.ResumeFunction
    | requests.RestartWorkers
    | requests.StopWorkers
    | letter_requests.ReplayLetters
    | letter_requests.EditLetter
    | letter_requests.ResolveLetters
    | letter_requests.PurgeLetters
    | letter_requests.ImportLetters
    | incident_requests.AckIncidents
    | incident_requests.SnoozeIncidents
    | incident_requests.ResolveIncidents
    | incident_requests.ReclassifyErrors
    | undo_requests.RetryUndo
    | undo_requests.SkipUndo
    | chaos_requests.InjectFault
    | chaos_requests.ListDrills
    | chaos_requests.ListScores
    | chaos_requests.AbortDrills
    | alert_requests.TestAlerts
    | breaker_requests.ForceBreakers
    | breaker_requests.ResetBreakers
    | breaker_requests.ProbeBreaker
    | replay_requests.StartReplay
    | replay_requests.PauseReplays
    | replay_requests.ResumeReplays
    | replay_requests.CancelReplays
    | requests.ReloadConfig
    | requests.StopDaemon
    | requests.Watch
)
