package clienttest

// mutants returns the mistakes that scenarios and seeds have to find.
func mutants() []mutant {
	var all []mutant
	for _, m := range machineMutants() {
		m.client = "go"
		all = append(all, m)
	}
	for _, m := range driverMutants() {
		m.client = "client"
		all = append(all, m)
	}
	for _, m := range scriptMutants() {
		m.client = "js"
		all = append(all, m)
	}
	return all
}

func one(name, file, right, wrong string) mutant {
	return mutant{name: name, file: file, edits: []edit{{right, wrong}}}
}

// machineMutants are those of package clientcore.
func machineMutants() []mutant {
	return []mutant{
		one("what is not idempotent is sent again", "outbox.go", "case k.Idempotent && !k.settled:", "case !k.settled:"),
		one("nothing is sent again", "outbox.go", "case k.Idempotent && !k.settled:", "case false:"),
		one("lanes are ignored", "outbox.go", "if (*lanes)[k.Lane] || ", "if "),
		one("calls overtake those that are held back", "outbox.go", " || (*unsent)[k.Action] {", " {"),
		one("after a refusal for the rate all go at once", "outbox.go", " || (*underWay)[k.Action] || ", " || "),
		one("a refusal for the rate is an error", "outbox.go", "case e.Code == limited:", `case e.Code == "-":`),
		one("a refusal for the rate holds up its call only", "outbox.go",
			"	c.pauses[k.Action] = later(c.pauses[k.Action], c.now.Add(wait))\n", ""),
		one("retryAfterMs is ignored", "outbox.go", "	if wait == 0 {\n", "	if true {\n"),
		one("a refusal of the gateway for the rate is the server's", "outbox.go", "		code = unavailable\n", "		code = limited\n"),
		one("what would expire waits", "outbox.go", "case at.Before(k.until):", "case true:"),
		one("a call without an answer is sent again", "outbox.go", "	if k.Idempotent && !k.settled {\n", "	if !k.settled {\n"),
		one("a call that was sent expires", "outbox.go", "case k.link == nil && k.unsure:", `case k.link == nil && k.Action == "-":`),
		one("the outcome of what was never sent is unknown", "outbox.go", "if k.link != nil || k.unsure {", "if true {"),
		one("an acknowledgement is a result", "outbox.go", `case k.Result && bytes.Equal(m.data, []byte("null")):`,
			`case k.Action == "-" && bytes.Equal(m.data, []byte("null")):`),
		one("an id is used again", "outbox.go",
			"	c.lastSending++\n	k.id, k.link, k.sentAt, k.retryAt = c.lastSending, c.current, c.now, time.Time{}\n",
			"	if k.id == 0 {\n		c.lastSending++\n		k.id = c.lastSending\n	}\n	k.link, k.sentAt, k.retryAt = c.current, c.now, time.Time{}\n"),
		one("answers are for the first call", "outbox.go", "if k.id == number && k.link == l {", "if k.id <= number && k.link == l {"),
		one("a frame of the gateway is for the last of several", "outbox.go", "case n != 1 || c.isRecent(l.bare):", "case n == 0:"),
		one("a keep-alive is never meant by the gateway", "outbox.go", "{l.kept, l.bare, l.past}", "{l.bare, l.past}"),
		one("what was settled is never meant by the gateway", "outbox.go", "{l.kept, l.bare, l.past}", "{l.kept, l.bare}"),
		one("a call that was ended leaves its lane", "call.go", "	if k.link == nil {\n		c.calls = slices.Delete",
			"	if true {\n		c.calls = slices.Delete"),
		one("the outbox has no bound", "call.go", "case len(c.calls) >= c.cfg.MaxCalls:", "case len(c.calls) >= 10*c.cfg.MaxCalls:"),
		one("calls are lost at the end", "client.go", "	c.endCalls()\n", ""),
		one("a deadline is left after the end", "timer.go", "	if !c.started {\n		return time.Time{}, false\n	}\n", ""),
		one("a timer is left after the end", "client.go", "	c.dialAt, c.renewAt, c.resumeAt = time.Time{}, time.Time{}, time.Time{}\n", ""),

		one("attempts have no budget", "conn.go", "if len(c.dials) < budget {", "if len(c.dials) >= 0 {"),
		one("attempts have no backoff", "conn.go", "c.jitter(c.failures, longest)", "c.jitter(0, longest)"),
		one("a connection is stable at once", "conn.go", "now.Sub(l.opened) >= stableTime", "now.Sub(l.opened) >= 0"),
		one("refusals do not count", "conn.go", "	c.refusals++\n", ""),
		one("close code 1008 is as any other", "conn.go", "	if code == 1008 {\n", "	if code == 1 {\n"),
		one("the second connection is not confirmed", "conn.go", "		c.keepAlive(c.next)\n", "		c.keepAlive(c.next)\n		c.replace()\n"),
		one("the old connection is closed at once", "conn.go", " || c.waitsOn(c.previous) {", " {"),
		one("the old connection is closed before the new one is subscribed", "conn.go",
			"		if t.wanted && t.membership != joined {\n			return\n", "		if t.wanted && t.membership != joined {\n			continue\n"),
		one("the old connection stays", "conn.go", "if c.previous != nil && due(c.closeAt, c.now) {",
			"if c.previous != nil && due(c.closeAt, c.now.Add(-overlap)) {"),
		one("connections are not replaced", "conn.go", "	c.next = c.newLink()\n", ""),
		one("a keep-alive needs no answer", "alive.go", "	if !l.probed.IsZero() {\n		d.add", "	if false {\n		d.add"),
		one("a request needs no frame", "alive.go", "	if !l.asked.IsZero() {\n		d.add", "	if false {\n		d.add"),
		one("keep-alives are sent while there is traffic", "alive.go", "	l.heard, l.used = now, now\n", "	l.heard = now\n"),
		one("a network that is back is not noticed", "alive.go", "	c.offline = false\n	c.Retry(now)\n", "	c.offline = false\n	c.now = now\n"),
		one("sleep is not noticed", "timer.go", "	if late {\n", "	if late && false {\n"),

		one("of an array the first push counts", "receive.go", "		c.receiveObject(l, part, &s)\n", "		c.receiveObject(l, part, &s)\n		break\n"),
		one("pushes on the old connection are dropped", "receive.go", "{c.current, c.previous, c.next}", "{c.current, c.next}"),

		one("pushes are dropped while it subscribes", "event.go",
			"	case !t.placed:\n		t.hold(e, c.cfg.MaxWaiting, c.cfg.MaxWaitingBytes)\n", "	case !t.placed:\n"),
		one("gaps are never filled", "event.go",
			"t.gapAt, t.gapFrom = c.now.Add(c.gapDelay(t)), t.position", "t.gapFrom = t.position"),
		one("the position moves past a gap", "entry.go", "return e.offset == l.position.Offset+1", "return e.offset > l.position.Offset"),
		one("what is below is delivered", "entry.go", "return e.offset == l.position.Offset+1", "return e.offset <= l.position.Offset+1"),
		one("a lower epoch is accepted", "entry.go",
			"return e.number > l.number && e.offset == 1 && e.prev != nil && *e.prev == l.position", "return e.offset == 1"),
		one("prev is not compared", "entry.go", "e.offset == 1 && e.prev != nil && *e.prev == l.position", "e.offset == 1 && e.prev != nil"),
		one("what waits has no bound", "entry.go", "for len(l.waiting) > count || l.bytes > bytes {", "for len(l.waiting) > 100*count {"),
		one("what was dropped is forgotten", "entry.go", "		l.note(l.waiting[last].mark, l.waiting[last].push)\n", ""),
		one("an unsubscribe is overtaken by a subscribe", "subscribe.go",
			"return t.membership == apart || t.membership == joined && t.again",
			"return t.membership == apart || t.membership == leaving || t.membership == joined && t.again"),
		one("a stale answer completes the next subscribe", "request.go",
			"return n.topic.wanted && n.topic.generation == n.generation", "return n.topic.wanted"),
		one("there are no syncs", "sync.go", "if !c.ready() || c.underWay(synced) {", "if true {"),
		one("what a sync has lost is ignored", "sync.go", "c.each(s.Lost, func", "c.each(s.Lost[:0], func"),
		one("old values are accepted", "state.go", "if known && (v.Version < old.version || same) {", "if known && same {"),
		one("keys that a snapshot lacks stay", "state.go", "!v.gone && v.seen != s.snapshot {", "!v.gone && v.seen < 0 {"),
		one("counters have no gaps", "state.go", "case len(s.above) == 0 || s.open:", "case true:"),
		one("a leave is undone by a snapshot", "presence.go",
			"	if !diff && old.named != p.snapshot {\n", "	if !diff {\n"),
		one("an old join counts", "presence.go", "newer := m.Version > old.version", "newer := m.Version >= 0"),
		one("an old leave counts", "presence.go", "if known && g.Version < old.version ||", "if"),
		one("there is no grace time", "presence.go", "	if grace > 0 {\n", "	if grace < 0 {\n"),
	}
}

// scriptMutants are those of the npm package, as esbuild has written it.
func scriptMutants() []mutant {
	return []mutant{
		one("what is not idempotent is sent again", "calls.js", "if (!isHarmless && !call.isIdempotent) return call.settle(error);", ""),
		one("nothing is sent again", "calls.js", "if (!isHarmless && !call.isIdempotent) return call.settle(error);", "if (!isHarmless) return call.settle(error);"),
		one("lanes are ignored", "calls.js", "      if (lane) held.add(lane);\n", ""),
		one("after a refusal for the rate all go at once", "calls.js", "      serial.add(call.action);\n", ""),
		one("a refusal for the rate holds up its call only", "calls.js", "pause(call.action, ms);", "pause(call, ms);"),
		one("retryAfterMs is ignored", "calls.js", "(retryAfterMs ?? 1e3) * more", "1e3 * more"),
		one("what would expire waits", "calls.js", "if (ms >= rest) return", "if (ms >= 10 * rest) return"),
		one("a call that was sent expires", "calls.js", "call.isUncertain ||= !isHarmless;", ""),
		one("the outcome of what was never sent is unknown", "calls.js",
			"call.settle(call.conn || call.isUncertain ? unknown() : closed())", "call.settle(unknown())"),
		one("an acknowledgement is a result", "client.js", "hasResult && frame.data == void 0", "false && frame.data == void 0"),
		one("a result may come only after the acknowledgement", "client.js", "(isPush ? conn.results : conn.waiting).get(id)",
			"(isPush ? conn.waiting.has(id) ? new Map() : conn.results : conn.waiting).get(id)"),
		one("the outbox has no bound", "calls.js", "calls.size >= maxQueue", "false"),
		one("a message may have any size", "calls.js", "if (size > MAX_FRAME)", "if (size > 9 * MAX_FRAME)"),
		one("sizes are in characters", "calls.js", "new TextEncoder().encode(text).length", "text.length"),
		one("a key is another one each time", "client.js", "send(conn, { action, id, ...members }, id);",
			"send(conn, { action, id, ...members, ...members.key && { key: env.key() } }, id);"),
		one("a call that was ended leaves its lane", "calls.js", "if (!call.conn) call.settle(0);", "call.settle(0);"),
		one("fragments are measured in characters", "fragments.js", "if (bytes(JSON.stringify(text)) <= MAX_PIECE)", "if (text.length <= MAX_PIECE)"),
		one("what fits into a frame is split", "fragments.js", "  if (size <= MAX_FRAME) return [message];\n", ""),
		one("messages in fragments have no bound", "fragments.js", "size > MAX_BYTES ? [] : cut(message)", "cut(message)"),
		one("a server without fragments is not known", "error.js", `if (action == "fragment" && known == "not_found") known = "too_large";`, ""),
		one("calls are lost at the end", "calls.js", "for (const call of calls) call.settle(call.conn", "for (const call of []) call.settle(call.conn"),
		one("calls are not held by the old connection", "calls.js", "[...calls].some((call) =>", "[].some((call) =>"),

		one("attempts have no budget", "client.js", "return attempts.length < BUDGET ? 0 :", "return true ? 0 :"),
		one("attempts have no backoff", "client.js", "FIRST_DELAY * 2 ** failures++", "FIRST_DELAY"),
		one("a connection is stable at once", "client.js", ">= STABLE", ">= 0"),
		one("an attempt may take for ever", "client.js", "after(OPENING,", "after(99 * OPENING,"),
		one("refusals do not count", "client.js", "++refusals == REFUSALS", "refusals == REFUSALS"),
		one("close code 1008 is as any other", "client.js", "(code == 1008 ? POLICY_DELAY : 0)", "0"),
		one("the second connection is not confirmed", "client.js", "if (current) probe(conn);\n        else promote(conn);", "promote(conn);"),
		one("the old connection is closed at once", "client.js", "if (old && !calls.waitOn(old)", "if (old"),
		one("the old connection stays", "client.js", "const DRAIN = 2 * MINUTE;", "const DRAIN = 4 * MINUTE;"),
		one("connections are not replaced", "client.js", "const LIFETIME = 105 * MINUTE;", "const LIFETIME = 305 * MINUTE;"),
		one("a keep-alive needs no answer", "client.js", "    expect(conn, PROBE);\n", ""),
		one("a request needs no frame", "client.js", "    expect(conn, ANSWER);\n", ""),
		one("a network that is back is not noticed", "client.js", `if (what != "offline") hurry();`, `if (what == "visible") hurry();`),
		one("sleep is not noticed", "client.js", `env.now() - due >= ASLEEP`, "false"),
		one("a timer is left after the end", "client.js", "for (const [stop] of timers) stop();\n      become(state);", "become(state);"),
		one("a listener is left after the end", "client.js", "      unlisten();\n", ""),
		one("another protocol is endured", "client.js", "conn.bad == ALIEN && !conn.isGood", "false"),
		one("of an array the first push counts", "client.js", "for (const frame of Array.isArray(frames) ? frames : [frames])",
			"for (const frame of Array.isArray(frames) ? frames.slice(0, 1) : [frames])"),
		one("a frame of the gateway is for one of several", "client.js", "conn.waiting.size == 1", "conn.waiting.size >= 1"),
		one("a refusal of the gateway for the rate is the server's", "client.js", `["Too Many Requests", "unavailable"]`,
			`["Too Many Requests", "rate_limited"]`),
		one("stale_connection is an error as others", "client.js", `code == "stale_connection"`, `code == "-"`),

		one("pushes are dropped while it subscribes", "log.js", "if (this.position && isBelow(entry, this.position)) return [];",
			"if (!this.position || isBelow(entry, this.position)) return [];"),
		one("the position moves past a gap", "log.js", "if (epoch === at.epoch) return offset === at.offset + 1;", "if (epoch === at.epoch) return offset > at.offset;"),
		one("a lower epoch is accepted", "log.js", "return offset === 1 && numberOf(epoch) > numberOf(at.epoch) && isSame(prev, at);", "return offset === 1;"),
		one("prev is not compared", "log.js", " && isSame(prev, at);", " && prev != null;"),
		one("what waits has no bound", "log.js", "i >= MAX_WAITING ||", "i >= 99 * MAX_WAITING ||"),
		one("what was dropped is forgotten", "log.js", "for (const e of this.#waiting.splice(full)) this.note(e, e.at);", "this.#waiting.splice(full);"),
		one("what the log does not keep waits", "log.js", "this.#waiting = this.#waiting.filter((e) => e.at > at);", ""),
		one("gaps are never filled", "topics.js", `start(t, "gap", ms, () => wish(t));`, ""),
		one("an unsubscribe is overtaken by a subscribe", "topics.js", "(t.membership === 0 /* Apart */ || t.membership === 2 /* Joined */ && t.again)",
			"(t.membership === 0 /* Apart */ || t.membership === 3 || t.membership === 2 /* Joined */ && t.again)"),
		one("a stale answer completes the next subscribe", "topics.js", "t.handles.size > 0 && t.generation === generation", "t.handles.size > 0"),
		one("there are no syncs", "topics.js", "if (!isOnline || syncing || !wasUsed) return;", "return;"),
		one("what a sync has lost is ignored", "topics.js", "each(lost, lose);", ""),
		one("what a sync finds too many stays", "topics.js", "topics.size < MAX_EXTRA", "false"),
		one("a topic that is not wanted is subscribed again", "topics.js",
			"if (!t.handles.size && !isLasting(error.code)) t.membership = 2 /* Joined */;", ""),
		one("several history requests are under way", "topics.js", "if (isAsking || own.timers.pause) return;", "if (own.timers.pause) return;"),
		one("a loss in between is not told", "topics.js", "if (isFirst || isLost) tell", "if (isFirst) tell"),
		one("the position at the first answer is not kept", "topics.js", "since: t.values || t.isState ? void 0 : t.log.position,",
			"since: t.values || t.isState || !t.log.position?.epoch ? void 0 : t.log.position,"),
		one("old values are accepted", "values.js", "version < old.version || version === old.version", "version === old.version"),
		one("keys that a snapshot lacks stay", "values.js", "!v.isGone && v.seen !== this.#snapshot", "false"),
		one("a leave is undone by a snapshot", "members.js", "const isKnown = isDiff || ref.named === this.#snapshot;", "const isKnown = isDiff;"),
		one("an old leave counts", "members.js", "if (!ref || version < ref.version) continue;", "if (!ref) continue;"),
		one("there is no grace time", "members.js", "ref.user.until = ref.left + graceMs;", "ref.user.until = ref.left;"),
	}
}
