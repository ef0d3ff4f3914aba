package emulator

import (
	"fmt"
	"unicode/utf8"

	"github.com/gatesock/gatesock"
)

// answerMock answers a message in place of the handler, as a MOCK integration does: with the frame
// of the route, if the route has a route response (AWS Developer Guide, "Set up a WebSocket API
// integration response": one-way routes return nothing, whatever the integration response is).
func (s *Session) answerMock(route *apiRoute, st stamp) {
	switch {
	case !route.NeedsResponse:
		s.logDropped(route, len(route.Mock))
	case len(route.Mock) == 0 && st.on.cfg.Undocumented.DropEmptyAnswers:
	default:
		s.reply(outgoing{FrameMock, route.Key, st.requestID, route.Mock})
	}
}

// checkMock returns an error for a frame that no route can answer with.
func checkMock(r gatesock.Route) error {
	switch {
	case len(r.Mock) > gatesock.MaxMessageSize:
		return fmt.Errorf("route %q: Mock has %d bytes; a message has at most %d", r.Key, len(r.Mock), gatesock.MaxMessageSize)
	case !utf8.Valid(r.Mock):
		return fmt.Errorf("route %q: Mock is not UTF-8", r.Key)
	}
	return nil
}
