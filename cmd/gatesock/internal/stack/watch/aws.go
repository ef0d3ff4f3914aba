package watch

import "strconv"

// Thresholds that AWS recommends (Amazon CloudWatch User Guide, "Recommended alarms"); see
// docs/gateway-facts.md, section 12.
const (
	errorRate       Text = "0.05"
	concurrencyPart Text = "90"
)

// Thresholds that are ours, since AWS recommends none.
const (
	quotaPart  = Text("80") // percent: time to ask for more
	agePeriods = 3
	retryTime  = 120 // seconds for the attempt after a crash
)

// apiAlarms returns the alarms of the API and of the account's quotas.
func apiAlarms() []Alarm {
	latency := simple("IntegrationLatencyAlarm", "IntegrationLatencyAlarm", "the latency of the functions",
		metric(ofAPI("IntegrationLatency"), "p99"), parameter(AlarmLatency), 5).means(
		"For five minutes one of a hundred messages or handshakes has waited for its function longer than AlarmLatency.",
		"look at the row \"Is it fast?\" of the dashboard: are all functions slow, one route, the table, or only new environments?")
	latency.AtLeast = true
	connects := Alarm{
		ID: "ConnectRateAlarm", Kind: "ConnectRateAlarm", Of: "the quota of new connections",
		Queries: ofQuota(ofAPI("ConnectCount"), ConnectQuota), Threshold: quotaPart, Period: minute, Periods: 1,
	}.means(
		"More than 80 % of the account's quota of new connections per second (ConnectQuota) came to this API in a minute. "+
			"All WebSocket APIs of the account and the Region share the quota; above it handshakes get 429.",
		"is it a flood, or do clients connect again all at once without a delay? If the growth is real, ask for more in Service Quotas.")
	messages := Alarm{
		ID: "MessageRateAlarm", Kind: "MessageRateAlarm", Of: "the quota of requests",
		Queries: ofQuota(ofAPI("MessageCount"), RequestQuota), Threshold: quotaPart, Period: minute, Periods: 1,
	}.means(
		"Messages and posts of this API were more than 80 % of the account's quota of requests per second (RequestQuota) in a minute. "+
			"All APIs of the account and the Region share the quota; above it messages are lost and posts get 429.",
		"find out whether clients or broadcasts cause it (row \"Who is connected?\" of the dashboard). "+
			"Limit them with package ratelimit or broadcast.WithRate, or ask for more in Service Quotas.")
	concurrency := Alarm{
		ID: "ConcurrencyAlarm", Kind: "ConcurrencyAlarm", Of: "the quota of concurrency",
		Queries:   ofLimit(Metric{Namespace: "AWS/Lambda", Name: "ClaimedAccountConcurrency"}, ConcurrencyQuota),
		Threshold: concurrencyPart, Period: minute, Periods: 10,
	}.means(
		"For ten minutes the functions of the account in this Region have claimed more than 90 % of its concurrency (ConcurrencyQuota). "+
			"At 100 % Lambda refuses invocations of all functions without a reserve.",
		"see which function runs most, in this stack or another. Make it faster, or ask for more in Service Quotas.")
	return []Alarm{
		simple("ClientErrorAlarm", "ClientErrorAlarm", "refused requests", metric(ofAPI("ClientError"), "Average"), errorRate, 5).means(
			"For five minutes API Gateway has refused more than 5 % of handshakes and messages before a function got them: "+
				"the authorizer said no, a route does not exist, or a throttle was reached.",
			"group the access log by status and authorizerError. Was an authorizer, a key or a client deployed lately?"),
		simple("ExecutionErrorAlarm", "ExecutionErrorAlarm", "failed calls", metric(ofAPI("ExecutionError"), "Average"), errorRate, 3).means(
			"For three minutes API Gateway could not complete the call of a function for more than 5 % of handshakes and messages: "+
				"it crashed, took longer than 29 seconds, was throttled, or the API may not invoke it.",
			"look at FunctionErrorsAlarm and FunctionThrottlesAlarm; if both are off, run gatesock doctor."),
		simple("IntegrationErrorAlarm", "IntegrationErrorAlarm", "failed answers",
			metric(ofAPI("IntegrationError"), "Average"), errorRate, 5).means(
			"For five minutes functions have answered more than 5 % of handshakes and messages with a status of 4XX or 5XX: "+
				"handshakes were refused by the program, or handlers failed.",
			"group the access log by routeKey and functionStatus, then read the log of the function for that route."),
		latency, connects, messages, concurrency,
	}
}

// functionAlarms returns the alarms of a function.
func functionAlarms(f *Function) []Alarm {
	of := "the function " + f.Name
	throttles := simple(f.ID+"FunctionThrottlesAlarm", "FunctionThrottlesAlarm", of, metric(ofFunction("Throttles", f.ID), "Sum"), "1", 5).means(
		"For five minutes Lambda has refused invocations of "+of+", because its own or the account's concurrency was used up. "+
			"Clients get errors instead of answers; events of queues and schedules wait.",
		"compare ConcurrentExecutions with the reserve and the account's quota. Raise "+f.ReservedConcurrency+", or make the function faster.")
	throttles.AtLeast = true
	alarms := []Alarm{
		faults(f.ID+"FunctionErrorsAlarm", "FunctionErrorsAlarm", of, ofFunction("Errors", f.ID), faultPart,
			metric(ofFunction("Invocations", f.ID), "Sum")).means(
			"In three of 15 minutes more than one in 1,000 invocations of "+of+" has failed: it crashed, ran into its timeout or out of memory, "+
				"or failed an event of a queue or a schedule.",
			"search its log for ERROR, panic and Task timed out. If a deployment caused it, deploy the version before."),
		throttles,
		{
			ID: f.ID + "FunctionConcurrencyAlarm", Kind: "FunctionConcurrencyAlarm", Of: of,
			Condition: Condition{f.IsReserved, f.ReservedConcurrency},
			Queries:   ofLimit(ofFunction("ConcurrentExecutions", f.ID), f.ReservedConcurrency),
			Threshold: quotaPart, Period: minute, Periods: 5,
			Means: "For five minutes more than 80 % of the environments that are reserved for " + of + " have been busy. At 100 % it is throttled.",
			First: "is there more traffic, or is each invocation slower than usual? Raise " + f.ReservedConcurrency + ", or find what is slow.",
		},
	}
	if f.Streams {
		alarms = append(alarms, f.streamAlarm())
	}
	return alarms
}

// streamAge is from which age of the records of a stream on there is an alarm, in milliseconds.
// Subscribers find out by themselves after 6 minutes at most.
const streamAge Text = "60000"

// streamAlarm returns the alarm on the age of the records of a stream when the function gets them.
func (f *Function) streamAlarm() Alarm {
	a := simple(f.ID+"StreamAgeAlarm", "StreamAgeAlarm", "the stream that the function "+f.Name+" reads",
		metric(ofFunction("IteratorAge", f.ID), "Maximum"), streamAge, agePeriods).means(
		"For three minutes the function "+f.Name+" has got changes of a table a minute after they were made, or later: it does not keep up, or fails. "+
			"Subscribers of topics get events late, or not before they ask.",
		"look at the errors and throttles of the function, and in its log for \"come again\".")
	a.AtLeast = true
	return a
}

// tableAlarms returns the alarms of a table.
func tableAlarms(id string) []Alarm {
	of := "the table " + id
	throttles := func(what, name string) Alarm {
		kind := name + "ThrottlesAlarm"
		return simple(id+kind, kind, of, metric(ofTable(name+"ThrottleEvents", id), "Sum"), "0", 5).means(
			"For five minutes DynamoDB has refused "+what+" of "+of+". One partition takes 1,000 writes and 3,000 reads a second, "+
				"whatever the table can; a table on demand may also refuse more than twice its highest traffic so far.",
			"which item is it that many requests need: one group, one bucket of ratelimit, one quota? If all are slow, wait: the table grows by itself.")
	}
	return []Alarm{throttles("reads", "Read"), throttles("writes", "Write")}
}

// age returns from which age of its oldest message on a queue has an alarm, in seconds. A message
// that is handled, or waits for its next attempt, has an age too, so that one crash raises none.
func (q WorkQueue) age() int { return q.Visibility + retryTime }

// alarms returns the alarms of a queue. A message is old if the function does not keep up, or
// fails.
func (q WorkQueue) alarms() []Alarm {
	const secondsPerMinute = 60
	id, of := q.ID, "the queue "+q.ID
	age := simple(id+"AgeAlarm", "QueueAgeAlarm", of, metric(ofQueue("ApproximateAgeOfOldestMessage", id), "Maximum"), Text(strconv.Itoa(q.age())), agePeriods).means(
		"The oldest message of "+of+" has waited for "+strconv.Itoa(q.age()/secondsPerMinute)+" minutes or more: the function that reads it does not keep up, or fails. "+
			"Members of groups get broadcasts late, and jobs are late.",
		"look at the errors and throttles of the function that reads the queue, then at how many messages are waiting.")
	age.AtLeast = true
	return []Alarm{
		simple(id+"DeadLettersAlarm", "DeadLettersAlarm", of,
			metric(ofDeadLetters("ApproximateNumberOfMessagesVisible", id), "Maximum"), "0", 1).means(
			"There are messages in the dead-letter queue of "+of+": work that failed at each attempt and is not tried again. They stay until 14 days after they were sent.",
			"search the log of the function that reads the queue for the reason, and mend it. Then start a redrive; "+
				"but purge jobs whose clients have got an error already."),
		age,
	}
}
