package topic

import (
	"context"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/internal/topicwire"
)

// presenceSettings are what the options of presence set.
type presenceSettings struct{}

// hasPresence reports whether there is presence at all.
func (s *settings) hasPresence() bool { return false }

// enterPresence makes a connection visible in a topic that it is a member of, and returns the
// members if the topic has presence, otherwise nil. They have at most room bytes when encoded.
func (t *Topics) enterPresence(
	context.Context, *gatesock.Request, topicwire.Subscription, conn.Conn, int,
) (*topicwire.Snapshot, error) {
	return nil, nil
}

// leavePresence makes a connection invisible that has unsubscribed.
func (t *Topics) leavePresence(context.Context, *gatesock.Request, string) error { return nil }

// snapshot returns the members of a topic. They have at most room bytes when encoded.
func (t *Topics) snapshot(context.Context, string, int) (topicwire.Snapshot, error) {
	return topicwire.Snapshot{}, nil
}

// syncPresence adds the topics whose digest differs to out.Presence, and extends the presence of
// the connection. The topics are those that the connection is a member of and named with a digest.
func (t *Topics) syncPresence(
	context.Context, *gatesock.Request, conn.Conn, []topicwire.SyncTopic, *topicwire.Synced,
) error {
	return nil
}
