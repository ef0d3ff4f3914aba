package broadcast

// ledger accounts for every member of a send, and makes its [Report]. A member that was counted in
// is either settled here (delivered, gone, failed), kept here as undelivered, handed off, or in the
// queue or the pool. It belongs to one goroutine.
type ledger struct {
	report Report
	// undelivered are members that were given up although they certainly did not get the message.
	undelivered []task
	unreached   int // of those, how many are not suspected of being too slow
	// forbidden has the endpoints that refused a post as forbidden, and the error.
	forbidden map[string]error
}

// add counts members in.
func (l *ledger) add(members int) { l.report.Audience += members }

// started counts an attempt.
func (l *ledger) started(t task) {
	if t.kind == post && t.attempts > 1 {
		l.report.Retries++
	}
}

// takeBack makes an attempt uncounted that did not get as far as the gateway.
func (l *ledger) takeBack(t *task) {
	if t.attempts--; t.attempts > 0 {
		l.report.Retries--
	}
}

// fail settles a member as failed.
func (l *ledger) fail(t task, err error) PostError {
	e := PostError{ConnectionID: t.member.ID, Attempts: t.attempts, Err: err}
	l.report.Failed++
	if len(l.report.Errors) < maxReportErrors {
		l.report.Errors = append(l.report.Errors, e)
	}
	return e
}

// forbid makes members of an endpoint fail with err from now on.
func (l *ledger) forbid(endpoint string, err error) {
	if l.forbidden == nil {
		l.forbidden = make(map[string]error)
	}
	l.forbidden[endpoint] = err
}

// skip settles a member of a forbidden endpoint, and reports whether it is one.
func (l *ledger) skip(t task) bool {
	err := l.forbidden[t.member.Endpoint]
	if err != nil {
		_ = l.fail(t, err)
	}
	return err != nil
}

// giveUp keeps a member that certainly did not get the message. It returns how many of these cannot
// be explained by slow clients.
func (l *ledger) giveUp(t task) (unreached int) {
	l.undelivered = append(l.undelivered, t)
	if !t.suspect {
		l.unreached++
	}
	return l.unreached
}

// takeUnreached removes and returns these members.
func (l *ledger) takeUnreached() []task {
	var unreached, suspects []task
	for _, t := range l.undelivered {
		if t.suspect {
			suspects = append(suspects, t)
		} else {
			unreached = append(unreached, t)
		}
	}
	l.undelivered, l.unreached = suspects, 0
	return unreached
}

// handOff takes members that were handed off out of the account, and returns what could not be
// handed off, and why.
func (l *ledger) handOff(parts []handedPart) (kept remaining, errs []error) {
	var left []remaining
	for _, p := range parts {
		if p.err != nil {
			errs = append(errs, p.err)
			left = append(left, p.remaining)
			continue
		}
		l.report.HandedOff = append(l.report.HandedOff, p.job.ID)
		l.report.Audience -= len(p.members)
	}
	return join(left), errs
}

// close returns the report of a send that leaves something undone.
func (l *ledger) close(left remaining) Report {
	l.report.Unsent = len(left.members)
	l.report.Incomplete = len(left.unread) > 0
	l.report.Cursor = left.cursor()
	return l.report
}
