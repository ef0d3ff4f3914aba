package watch

// Thresholds of alarms on metrics of package observe. They are ours.
const (
	refusedPart = Text("20") // percent
	throttled   = "0.1"      // of the posts: broadcasts find out the rate by being refused now and then
	fiveMinutes = 300
	lostPeriods = 3
	sweepPeriod = 900 // a pass of the sweeper counts connections, by default every five minutes
)

// observedAlarms returns the alarms on metrics of the API that the program writes.
func (s *Service) observedAlarms() []Alarm {
	refused := Alarm{
		ID: "ConnectionsRefusedAlarm", Kind: "ConnectionsRefusedAlarm", Of: "refused connections",
		Queries: []Query{
			metric(s.observed("ConnectionsRefused"), "Sum").as("refused").hidden(),
			metric(s.observed("ConnectionsOpened"), "Sum").as("opened").hidden(),
			expression("IF(refused >= 5, 100 * refused / (refused + FILL(opened, 0)), 0)", "percent of handshakes"),
		},
		Threshold: refusedPart, Period: minute, Periods: 5,
	}.means(
		"For five minutes the program itself has refused more than 20 % of handshakes, and at least five in each minute: "+
			"credentials are wrong or have expired, or a limit was reached.",
		"look at which status the access log has for $connect: 401 and 403 are credentials, 429 is a limit, 500 a fault of the program.")
	lost := Alarm{
		ID: "ConnectionsLostAlarm", Kind: "ConnectionsLostAlarm", Of: "lost connections",
		Queries: []Query{
			metric(s.observed("ConnectionsClosed", Dimension{"CloseCode", "1006"}), "Sum").as("lost").hidden(),
			metric(s.observed("ConnectionsClosed"), "Sum").as("closed").hidden(),
			expression("IF(lost >= 10, 100 * lost / closed, 0)", "percent of closes"),
		},
		Threshold: parameter(LostConnections), Period: fiveMinutes, Periods: lostPeriods,
	}.means(
		"For 15 minutes more of the connections that ended than LostConnections percent, and at least ten in five minutes, "+
			"ended without a close frame (code 1006): clients crashed, lost their network, or were cut off by a proxy.",
		"was another version of a client released? If the access log has one network or provider in common, the cause is there. "+
			"If so many are usual for your clients, raise LostConnections.")
	return []Alarm{
		refused,
		faults("HandlerErrorsAlarm", "HandlerErrorsAlarm", "failed handlers", s.observed("Errors", Dimension{"Code", "internal"}), faultPart,
			metric(s.observed("Messages"), "Sum"), metric(s.observed("ConnectionsOpened"), "Sum")).means(
			"In three of 15 minutes handlers have failed with the code internal for more than one in 1,000 messages and handshakes: "+
				"a bug, a panic, or something that they need and that does not work.",
			"open the widget \"What was logged as an error?\" of the dashboard, and look for the route that most of the records have."),
		lost,
	}
}

// observedFunctionAlarms returns the alarms on metrics of a function that the program writes.
func (s *Service) observedFunctionAlarms(f *Function) []Alarm {
	of := "the function " + f.Name
	tooMany := func(kind, name, part, all, stat string) Alarm {
		return faults(f.ID+kind, kind, of, s.observedBy(name, f.ID), part, metric(s.observedBy(all, f.ID), stat))
	}
	var alarms []Alarm
	if f.Posts {
		slow := tooMany("PostsThrottledAlarm", "PostsThrottled", throttled, "PostsDelivered", "Sum")
		slow.Periods, slow.Breaching = 5, 0
		alarms = append(alarms,
			tooMany("PostsFailedAlarm", "PostsFailed", faultPart, "PostsDelivered", "Sum").means(
				"In three of 15 minutes more than one in 1,000 posts of "+of+" to connections has failed, "+
					"not because the connection was gone and not because of the rate: the right is missing, the endpoint is wrong, or API Gateway has a fault.",
				"search the log of the function for the error of the posts, and run gatesock doctor."),
			slow.means(
				"For five minutes API Gateway has refused one of ten posts of "+of+" or more, because of their rate. Broadcasts slow down by themselves, "+
					"but posts and messages share the account's quota, so that clients may be refused as well.",
				"look at MessageRateAlarm. If the stage's own throttle was reached, raise ThrottlingRate; "+
					"otherwise limit broadcasts with broadcast.WithRate, or ask for more in Service Quotas."),
			tooMany("FanOutUnreachedAlarm", "FanOutUnreached", faultPart, "FanOutAudience", "Sum").means(
				"In three of 15 minutes broadcasts of "+of+" have not reached more than one in 1,000 members: posts failed, or the time of the invocation ran out first.",
				"if PostsFailedAlarm is off, broadcasts are too large for one invocation: continue them with package sqsrelay, or raise the timeout."))
	}
	if f.Stores {
		alarms = append(alarms, tooMany("StoreErrorsAlarm", "StoreErrors", faultPart, "StoreLatency", "SampleCount").means(
			"In three of 15 minutes more than one in 1,000 requests of "+of+" to its table has failed for another reason than throttling: "+
				"a right is missing, the table does not exist, or DynamoDB has a fault.",
			"read the error in the log of the function, then look at AWS Health for DynamoDB in this Region."))
	}
	if f.Sweeps {
		alarms = append(alarms, Alarm{
			ID: f.ID + "LiveConnectionsAlarm", Kind: "LiveConnectionsAlarm", Of: of,
			Queries:   ofLimit(s.observedBy("LiveConnections", f.ID), LiveConnectionsLimit),
			Threshold: quotaPart, Period: sweepPeriod, Periods: 1,
			Means: "More connections are open than 80 % of LiveConnectionsLimit. AWS has no limit of open connections; " +
				"its quota of new ones allows 3.6 million, and yours may be what the service is planned or paid for.",
			First: "is the growth real, or do clients open several connections each, or never close them? Then raise the limit on purpose.",
		})
	}
	return alarms
}
