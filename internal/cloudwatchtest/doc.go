// Package cloudwatchtest evaluates logs as Amazon CloudWatch does, for tests: it reads the metrics
// in lines of the embedded metric format, evaluates the alarms of a template on them, and runs
// queries of CloudWatch Logs Insights on the same lines.
//
//	log := cloudwatchtest.NewLog(clock.Now)
//	obs := observe.New(observe.WithOutput(log), observe.WithClock(clock.Now))
//	...
//	metrics, err := log.Metrics()
//	alarms, err := cloudwatchtest.ReadAlarms(template, nil, map[string]string{"Api": "localapi00"})
//	state, err := metrics.Evaluate(alarms["HandlerErrorsAlarm"], clock.Now(), cloudwatchtest.OK)
//
//	query, err := cloudwatchtest.ParseQuery("filter Errors > 0 | stats count(*) by Route")
//	result, err := query.Run(log.Events())
//
// It knows a part of what CloudWatch knows, and fails for everything else: a member of a line, a
// property of an alarm, or a word of a query that it does not know is an error. What it knows it
// has from the pages of the Amazon CloudWatch User Guide "Specification: Embedded metric format",
// "Alarm evaluation", "Configuring how CloudWatch alarms treat missing data", "CloudWatch
// statistics definitions" and "Using math expressions with CloudWatch metrics", and from the page
// "CloudWatch Logs Insights language query syntax" of the Amazon CloudWatch Logs User Guide.
package cloudwatchtest
