package chat

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/topic"
)

const (
	// keepFor is for how long a message can be read.
	keepFor = 30 * 24 * time.Hour
	// grace is for how long a person who has signed in counts as present without a connection.
	grace = 10 * time.Second
)

const topicPrefix = "room:"

// topicOf returns the topic of a room.
func topicOf(room string) string { return topicPrefix + room }

func retention(string) topic.Retention { return topic.Retention{Age: keepFor} }

// WithInterval sets the shortest time between two announcements of arrivals and departures in a
// room. The default is a second.
func WithInterval(d time.Duration) Option { return func(a *App) { a.interval = d } }

// presence shows who is in a room. Without sign-in nobody knows who comes back, so there is no
// grace.
func (a *App) presence(string) (topic.Presence, bool) {
	p := topic.Presence{As: a.introduce, Interval: a.interval}
	if a.HasSignIn() {
		p.Grace = grace
	}
	return p, true
}

// introduce returns what the members of a room see of a person.
func (a *App) introduce(
	_ context.Context, req *gatesock.Request, _ string, as json.RawMessage,
) (json.RawMessage, error) {
	var wanted Person
	if as != nil && json.Unmarshal(as, &wanted) != nil {
		return nil, gatesock.Errorf(gatesock.CodeInvalidArgument, `"as" must be an object with a "name"`)
	}
	name, err := a.access.name(req, wanted.Name)
	if err != nil {
		return nil, err
	}
	return json.Marshal(Person{Name: name})
}

// mayEnter fails if the person behind a request may not subscribe to a topic.
func (a *App) mayEnter(_ context.Context, req *gatesock.Request, name string) error {
	room, ok := strings.CutPrefix(name, topicPrefix)
	if !ok {
		return gatesock.Errorf(gatesock.CodeNotFound, `the topics of this chat are its rooms, such as "room:lobby"`)
	}
	if err := checkRoom(room); err != nil {
		return gatesock.Errorf(gatesock.CodeInvalidArgument, "%v", err)
	}
	return a.access.enter(req, room)
}

// speaker returns the name under which the connection of a request is present in a room. It fails
// if the connection is not, or may not be any more.
func (a *App) speaker(ctx context.Context, req *gatesock.Request, room string) (string, error) {
	if err := a.access.enter(req, room); err != nil {
		return "", err
	}
	row, err := a.stores.Roster.GetRow(ctx, topicOf(room), req.ConnectionID)
	if errors.Is(err, topic.ErrAbsent) {
		if _, err := a.stores.Connections.Get(ctx, req.ConnectionID); err != nil {
			return "", err // if the record is missing, conn.Track asks the client to connect again
		}
		return "", gatesock.Errorf(gatesock.CodeFailedPrecondition,
			`enter the room first: subscribe to %q with "presence"`, topicOf(room))
	}
	if err != nil {
		return "", err
	}
	var p Person
	err = json.Unmarshal(row.As, &p)
	return p.Name, err
}
