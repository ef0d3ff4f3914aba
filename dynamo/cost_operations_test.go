package dynamo_test

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

// inRoom registers the usual connection.
func inRoom(s *scene) { s.put(ann(room)) }

// tracked are events that go through a router with conn.Track.
func tracked() []operation {
	return []operation{
		{
			name: "`$connect`, with a user and one room", do: dispatch(gatesock.RouteConnect, 200), want: units{3, 0},
			why: "the record; a row in the user's group, and one in the room",
		},
		{
			name: "a message whose handler does not call the registry", given: inRoom, do: dispatch("ping", 200), want: units{0, 0},
			why: "`conn.Track` does nothing for messages",
		},
		{
			name: "`$disconnect`, with a user and one room", given: inRoom, do: dispatch(gatesock.RouteDisconnect, 200), want: units{3, 0},
			why: "the record, which names the groups, and the two rows; nothing is read",
		},
		{
			name: "`$connect` that a later handler refuses", do: dispatch(gatesock.RouteConnect, 403), want: units{6, 0},
			why: "put, and deleted again; authorize connections before `conn.Track`",
		},
		{
			name: "`$connect` that is delivered again", given: inRoom, do: dispatch(gatesock.RouteConnect, 200), want: units{1, 2},
			why: "the put is refused; a get shows that it is the same connection, and one after the handler that its record is still there",
		},
		{
			name: "`$connect`, with `WithLimitPerUser`", given: others(2),
			do: dispatchWith(gatesock.RouteConnect, 200, conn.WithLimitPerUser(3)), want: units{3, 2},
			why: "the user's group is counted before and after; up to about 80 connections of the user are 1 read unit",
		},
		{
			name: "`$connect`, above `WithLimitPerUser`", given: others(3),
			do: dispatchWith(gatesock.RouteConnect, 429, conn.WithLimitPerUser(3)), want: units{0, 5}, unbilled: 1,
			why: "counted, and refused before anything is written; the records of the 3 others are read, in case only a membership is left of one, and its own, in case the event is delivered again",
		},
		{
			name: "`$disconnect` that is delivered again", do: dispatch(gatesock.RouteDisconnect, 200), want: units{1, 0},
			why: "the delete is refused",
		},
	}
}

// dispatch sends an event of the usual connection through a router whose handlers refuse it if the
// status is an error.
func dispatch(route string, status int) func(context.Context, *scene) error {
	return dispatchWith(route, status)
}

// others registers other connections of the user.
func others(n int) func(*scene) {
	return func(s *scene) {
		for i := range n {
			s.put(conn.Conn{ID: memberID(i), User: "ann"})
		}
	}
}

func dispatchWith(route string, status int, opts ...conn.Option) func(context.Context, *scene) error {
	return func(ctx context.Context, s *scene) error {
		handler := func(context.Context, *gatesock.Request) (*gatesock.Reply, error) {
			if status == 403 {
				return nil, gatesock.Errorf(gatesock.CodePermissionDenied, "refused")
			}
			return nil, nil
		}
		r := gatesock.New()
		inRoom := conn.WithGroups(func(*gatesock.Request) []string { return []string{room} })
		opts := append([]conn.Option{inRoom}, opts...)
		r.Use(conn.Track(s.Connections, opts...))
		r.OnConnect(handler)
		r.OnDisconnect(handler)
		r.HandleFunc("ping", handler)
		kind := map[string]string{gatesock.RouteConnect: "CONNECT", gatesock.RouteDisconnect: "DISCONNECT"}[route]
		if kind == "" {
			kind = "MESSAGE"
		}
		answer, err := r.Invoke(ctx, fmt.Appendf(nil,
			`{"requestContext":{"routeKey":%q,"eventType":%q,"connectionId":%q,"connectedAt":%d,"authorizer":{"principalId":"ann"}},"body":"{}"}`,
			route, kind, id, s.clock.Now().UnixMilli()))
		if err != nil {
			return err
		}
		var got struct{ StatusCode int }
		if err := json.Unmarshal(answer, &got); err != nil || got.StatusCode != status {
			return fmt.Errorf("the router answered %s, want status %d: %w", answer, status, err)
		}
		return nil
	}
}

// calls are the methods of the store, and how each goes without a surprise.
func calls() []operation {
	return []operation{
		{name: "`Put`, anonymous, in no group", do: put(conn.Conn{ID: id}), want: units{1, 0}, why: "the record"},
		{name: "`Put`, with a user", do: put(ann()), want: units{2, 0}, why: "the record and 1 row"},
		{name: "`Put`, with a user and one room", do: put(ann(room)), want: units{3, 0}, why: "the record and 2 rows"},
		{
			name: "`Put`, with a user, one room and `everyone`", do: put(ann(room, conn.Everyone)), want: units{4, 0},
			why: "the record and 3 rows: each further group costs 1 more",
		},
		{name: "`Get`", given: inRoom, do: get, want: units{0, 1}, why: "the record"},
		{
			name: "`Join`", given: func(s *scene) { s.put(ann()) }, do: join, want: units{2, 0},
			why: "the record and the row; nothing is read",
		},
		{
			name: "`Join` of a member", given: inRoom, do: join, want: units{2, 0},
			why: "the same: the store does not look first",
		},
		{name: "`Leave`", given: inRoom, do: leave, want: units{2, 0}, why: "the record and the row"},
		{
			name: "`Leave` of no member", given: func(s *scene) { s.put(ann()) }, do: leave, want: units{1, 1},
			why: "the record; the row is looked for, as a crash may have left it",
		},
		{name: "`Delete`, anonymous, in no group", given: func(s *scene) { s.put(conn.Conn{ID: id}) }, do: remove, want: units{1, 0}, why: "the record"},
		{name: "`Delete`, with a user and one room", given: inRoom, do: remove, want: units{3, 0}, why: "the record and 2 rows"},
		{
			name: "`Delete`, with a user, one room and `everyone`", given: func(s *scene) { s.put(ann(room, conn.Everyone)) },
			do: remove, want: units{4, 0}, why: "the record and 3 rows",
		},
	}
}

// rare are calls that are refused, or that mend something.
func rare() []operation {
	return []operation{
		{
			name: "`Put` of a connection that is registered", given: inRoom, do: put(ann(room)), err: conn.ErrExists, want: units{1, 0},
			why: "a write that its condition refuses costs a unit",
		},
		{
			name: "`Put` in the place of an expired record", given: expired, do: put(ann(room)), want: units{3, 0},
			why: "the record and 2 rows, written over the old ones",
		},
		{name: "`Get` of no connection", do: get, err: conn.ErrNotFound, want: units{0, 1}, why: "a missing item costs a unit, too"},
		{name: "`Delete` of no connection", do: remove, err: conn.ErrNotFound, want: units{1, 0}, why: "refused"},
		{name: "`Join` of no connection", do: join, err: conn.ErrNotFound, want: units{1, 0}, why: "refused at the record; no row is written"},
		{name: "`Leave` of no connection", do: leave, want: units{1, 1}, why: "refused at the record; the row is looked for"},
		{
			name: "`Leave` after joining twice", given: joinedTwice, do: leave, want: units{2, 0},
			why: "the record, and a tombstone in place of the row",
		},
		{
			name: "`Delete` after joining twice", given: joinedTwice, do: remove, want: units{3, 0},
			why: "the record, the user's row, and a tombstone in place of the room's",
		},
		{
			name: "`Leave` within 15 minutes of a tombstone", given: afterMark, do: leave, want: units{3, 0},
			why: "the record, a delete that is refused since the row guards its place, and a tombstone again",
		},
		{
			name: "`Leave` where only a row was left", given: strayRow, do: leave, want: units{3, 1},
			why: "the record twice, the row read and deleted",
		},
		{
			name: "`Leave` where the row was never written", given: missingRow, do: leave, want: units{3, 0},
			why: "the record, a delete that is refused, and a tombstone",
		},
	}
}
