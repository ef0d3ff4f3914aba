package sim

// mutants returns the mistakes that the simulator has to find.
func mutants() []mutant {
	one := func(name, why, file, old, new string) mutant {
		return mutant{name, why, file, []edit{{old, new}}}
	}
	return []mutant{
		{
			"read before membership", "what is appended between the reading and the membership reaches nobody",
			"topic/subscribe.go",
			[]edit{{
				"	c, err := s.join(ctx, req.ConnectionID, groupsOf(joined))\n",
				"	each(len(joined), func(i int) { s.read(ctx, req, joined[i], conn.Conn{}, 1<<16) })\n" +
					"	c, err := s.join(ctx, req.ConnectionID, groupsOf(joined))\n",
			}, {
				"	each(len(permitted), func(i int) { s.read(ctx, req, permitted[i], c, room) })\n", "	_ = room\n",
			}},
		},
		one("authorize only before", "a right that is taken away while its client subscribes stays in use",
			"topic/subscribe.go", "	s.authorizeAll(ctx, req, joined)\n", ""),
		one("unsubscribe does nothing", "the connection stays a member", "topic/unsubscribe.go",
			"err = t.store.Leave(ctx, id, Group(topic))", "err = nil"),
		one("sync does not check memberships", "a client that is no member any more does not learn it",
			"topic/sync.go", "out.Lost = append(out.Lost, at.Topic)", "_ = at"),
		one("sync says that nothing has moved", "the last event of a topic stays lost",
			"topic/sync.go", "if moved[i] {", "if false {"),
		one("history without a position", "a gap is never filled", "topic/subscribe.go",
			"Topic: in.Topic, Since: position(in.Since),", "Topic: in.Topic,"),
		one("an event without a push", "only a sync finds what was published", "topic/publish.go",
			"	rep, err := t.Deliver(ctx, topic, a.Record)\n", "	rep, err := broadcast.Report{}, error(nil)\n"),

		one("an offset is used again", "two entries have one position", "dynamo/internal/topiclog/append.go",
			"		ConditionExpression:                 aws.String(absent),\n", ""),
		one("an offset is skipped", "clients wait for an entry that never comes", "dynamo/internal/topiclog/append.go",
			"e.offset = last.offset + 1", "e.offset = last.offset + 2"),
		one("no check of the nonce", "an entry whose answer was lost is written again", "dynamo/internal/topiclog/append.go",
			"if bytes.Equal(there.nonce, a.nonce) {", "if false {"),
		one("an open attempt is forgotten", "an entry arrives after its publisher was told that it was not written",
			"dynamo/internal/topiclog/send.go", "			lost = true\n", ""),
		one("another offset while an attempt is open", "an entry is written twice", "dynamo/internal/topiclog/send.go",
			"			lost = true\n", "			return lost, errAgain\n"),
		one("the key is ignored", "an entry is written twice", "dynamo/internal/topiclog/transaction.go",
			`	if a.key != "" {`, `	if a.key == "-" {`),
		one("roll without a seal", "an entry is written in an epoch that has ended", "dynamo/internal/topiclog/roll.go",
			`if end.head.epoch != "" && seal.offset <= topic.MaxOffset {`, "if false {"),
		one("no day to live", "an entry follows one that has expired, in an epoch that has ended",
			"dynamo/internal/topiclog/append.go",
			"return !last.seal && last.left(l.t.Clock()) >= quiet", "return !last.seal"),
		one("a seal is an entry like others", "entries follow the end of an epoch", "dynamo/internal/topiclog/append.go",
			"return !last.seal && last.left", "return last.left"),
		one("the epoch is dropped", "a client goes on in another epoch as if it were its own", "dynamo/internal/topiclog/read.go",
			"	if p.Epoch != v.head.epoch {\n		switch {\n		case number(p.Epoch) > number(v.head.epoch):",
			"	if false {\n		switch {\n		case number(p.Epoch) > number(v.head.epoch):"),
		one("a hole is not read again", "a reader goes on behind a hole", "dynamo/internal/topiclog/query.go",
			"			if missing == nil {", "			if missing = nil; missing == nil {"),
		one("history is lost without a reason", "a client is told that what it has lost is not kept",
			"dynamo/internal/topiclog/read.go", "case next < v.oldest():", "case next <= v.last():"),
		one("nothing is ever quiet", "the end of a quiet epoch is not noticed", "dynamo/internal/topiclog/read.go",
			"return len(v.run) == 0 || v.run[len(v.run)-1].left(v.now) < quiet", "return false"),

		one("prune on 403", "a connection that is open is forgotten", "broadcast/send.go",
			"	case errors.Is(r.err, gatesock.ErrGone):\n",
			"	case errors.Is(r.err, gatesock.ErrGone), errors.Is(r.err, gatesock.ErrForbidden):\n"),
		one("readers ignore the other partitions", "members are missed while a group is re-sharded", "dynamo/sharding.go",
			"for _, total := range []int{l.Write, l.Read} {", "for _, total := range []int{l.Write} {"),

		one("client: pushes are dropped while it subscribes", "what comes before the answer is lost",
			"internal/topicclient/event.go",
			"	case !t.placed:\n		t.hold(e, c.cfg.MaxWaiting, c.cfg.MaxWaitingBytes)\n", "	case !t.placed:\n"),
		one("client: gaps are never filled", "a lost push holds up all others", "internal/topicclient/event.go",
			"t.gapAt, t.gapFrom = c.now.Add(c.gapDelay(t)), t.position", "t.gapFrom = t.position"),
		one("client: a gap is skipped", "what is missing is never delivered", "internal/topicclient/entry.go",
			"return e.offset == l.position.Offset+1", "return e.offset > l.position.Offset"),
		one("client: what is below is delivered", "an event is delivered twice", "internal/topicclient/entry.go",
			"return e.offset == l.position.Offset+1", "return e.offset <= l.position.Offset+1"),
		one("client: a lower epoch is accepted", "an old event is delivered after newer ones", "internal/topicclient/entry.go",
			"return e.number > l.number && e.offset == 1 && e.prev != nil && *e.prev == l.position",
			"return e.offset == 1"),
		one("client: prev is not compared", "the last events of an epoch are skipped", "internal/topicclient/entry.go",
			"e.offset == 1 && e.prev != nil && *e.prev == l.position", "e.offset == 1 && e.prev != nil"),
		one("client: unsubscribe and subscribe overlap", "an old unsubscribe ends a new membership",
			"internal/topicclient/subscribe.go", "return t.membership == apart || t.membership == joined && t.again",
			"return t.membership == apart || t.membership == leaving || t.membership == joined && t.again"),
		one("client: never syncs", "the last event of a topic stays lost", "internal/topicclient/sync.go",
			"if !c.ready() || c.underWay(synced) {", "if true {"),
	}
}
