package chat

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/gatesock/gatesock/conn"
)

const maxNames = 100 // in one list, so that it fits into a frame

// A connection in a room is a member of two groups: one for the room, and one for the person's
// name. So every process can read names and rooms from the registry.
func roomGroup(room string) string { return "room:" + room }
func nameGroup(name string) string { return "name:" + name }

// nameOf returns the name that a connection has joined under, or "" before it has joined.
func nameOf(c conn.Conn) string {
	for _, group := range c.Groups {
		if name, ok := strings.CutPrefix(group, "name:"); ok {
			return name
		}
	}
	return ""
}

// roomsOf returns the rooms that a connection is in.
func roomsOf(c conn.Conn) []string {
	var rooms []string
	for _, group := range c.Groups {
		if room, ok := strings.CutPrefix(group, "room:"); ok {
			rooms = append(rooms, room)
		}
	}
	return rooms
}

// online lists the members of a room. It takes the version before it reads, so that a list with a
// higher version includes every change that caused one with a lower version.
func (a *App) online(ctx context.Context, room string) (Online, error) {
	o := Online{Names: []string{}, Version: a.clock.next()}
	for m, err := range conn.Members(ctx, a.store, roomGroup(room)) {
		if err != nil {
			return Online{}, err
		}
		o.Count++
		if len(o.Names) == maxNames {
			continue
		}
		c, err := a.store.Get(ctx, m.ID)
		if errors.Is(err, conn.ErrNotFound) { // it has just left
			o.Count--
			continue
		}
		if err != nil {
			return Online{}, err
		}
		o.Names = append(o.Names, nameOf(c))
	}
	slices.Sort(o.Names)
	return o, nil
}
