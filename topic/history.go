package topic

import (
	"context"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/observing"
	"github.com/gatesock/gatesock/internal/topicwire"
)

// history answers with what comes after a position, or before it. The connection must be
// subscribed: a client that may not subscribe may not read.
func (s *routes) history(
	ctx context.Context, req *gatesock.Request, in topicwire.History,
) (topicwire.Result, error) {
	c, err := s.member(ctx, req, in.Topic)
	if err != nil {
		return topicwire.Result{}, err
	}
	room := roomFor(in.Topic)
	if s.isState(in.Topic) {
		r, err := s.pageState(ctx, in, c, room)
		if err != nil {
			return topicwire.Result{}, failed("the values could not be read", err)
		}
		return r, nil
	}
	if err := validateEventHistory(in); err != nil {
		return topicwire.Result{}, err
	}
	page, err := s.log.Read(ctx, s.query(in, room))
	if err != nil {
		return topicwire.Result{}, failed("the events could not be read", err)
	}
	observing.Count(ctx, observing.HistoryPages, 1)
	page = s.withoutOversized(ctx, in, page, room)
	if page.Lost != "" {
		countRecovery(ctx, page.Lost)
	}
	r := topicwire.Result{Topic: in.Topic}
	if in.Before != nil {
		fillBackwards(&r, page, room)
	} else {
		fill(&r, page, in.Since, room)
	}
	return r, nil
}

// withoutOversized removes the entries that are next and fit into no frame: they were appended to
// the log by something other than Publish. Otherwise the client would ask for them for ever. It is
// told that it has lost them.
func (s *routes) withoutOversized(ctx context.Context, in topicwire.History, page Page, room int) Page {
	for len(page.Entries) > 0 {
		next, rest := page.Entries[0], page.Entries[1:]
		if in.Before != nil {
			next, rest = page.Entries[len(page.Entries)-1], page.Entries[:len(page.Entries)-1]
		}
		size := entrySize(next.Events)
		if size <= room {
			break
		}
		s.slog().ErrorContext(ctx, "topic: an entry fits into no frame, so no client gets it: use Publish",
			"topic", in.Topic, "epoch", next.Epoch, "offset", next.Offset, "bytes", size, "limit", room)
		page.Entries = rest
		if in.Since != nil && page.Lost == "" {
			page.Lost = LostHistory
		}
		if in.Before != nil && len(rest) == 0 {
			page.Position = next.Position
		}
	}
	return page
}

func validateEventHistory(in topicwire.History) error {
	switch {
	case in.Cursor != "":
		return gatesock.Errorf(gatesock.CodeInvalidArgument, `"cursor" is for state topics, and %q is not one`, in.Topic)
	case in.Since == nil && in.Before == nil && in.Last == 0:
		return gatesock.Errorf(gatesock.CodeInvalidArgument, `one of "since", "before" and "last" is needed`)
	}
	return nil
}

// countRecovery counts a client that came back with a position.
func countRecovery(ctx context.Context, lost Lost) {
	name := observing.RecoveriesComplete
	switch lost {
	case LostHistory:
		name = observing.RecoveriesNoHistory
	case LostEpoch:
		name = observing.RecoveriesNewEpoch
	case LostAhead:
		name = observing.RecoveriesAhead
	}
	observing.Count(ctx, name, 1)
}
