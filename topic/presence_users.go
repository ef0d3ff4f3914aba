package topic

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
)

// User is a user in a topic, with one or several connections.
type User struct {
	// Name is the application's name for the user; empty for a connection without one, which stands
	// for itself.
	Name string
	// Rows are the user's connections, at least one, the oldest first.
	Rows []Row
}

// Present returns the users in a topic, in the order in which the first connection of each joined.
// It reads all rows, also if there are more than [Presence.MaxMembers]: on DynamoDB, 1 read unit
// for about 25 connections. It fails with [ErrInvalid] if the topic has no presence.
func (t *Topics) Present(ctx context.Context, topic string) ([]User, error) {
	if _, ok := t.presenceIn(topic); !ok {
		return nil, fmt.Errorf("%w: %.100q has no presence", ErrInvalid, topic)
	}
	rows, err := t.roster.ReadRows(ctx, topic, 0)
	if err != nil {
		return nil, fmt.Errorf("topic: reading who is in %.100q: %w", topic, err)
	}
	return fold(rows), nil
}

// fold folds rows into users.
func fold(rows []Row) []User {
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.Version, b.Version), strings.Compare(a.ID, b.ID))
	})
	var users []User
	at := make(map[string]int)
	for _, r := range rows {
		i, ok := at[r.User]
		if !ok || r.User == "" {
			i = len(users)
			users = append(users, User{Name: r.User})
			at[r.User] = i
		}
		users[i].Rows = append(users[i].Rows, r)
	}
	return users
}
