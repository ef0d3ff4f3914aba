package main

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

// The groups that a client posts to, each once.
const (
	warmup = "warm"
	room   = "room" // the prefix of the names, if there are several
)

// members are the connections that a client posts to. Every peer keeps them in both forms, so that
// all heaps cost the garbage collector the same.
type members struct {
	store conn.Store
	ids   map[string][]string // by group
	rooms []string            // the groups, without the one for the warm-up
}

func newMembers(ctx context.Context, o clientOrder) (*members, error) {
	m := &members{store: conn.NewMemory(), ids: map[string][]string{}}
	for i := range o.Warmup + o.Posts {
		group := o.group(i)
		if group != warmup && len(m.ids[group]) == 0 {
			m.rooms = append(m.rooms, group)
		}
		id := connectionID(i)
		m.ids[group] = append(m.ids[group], id)
		if err := m.store.Put(ctx, conn.Conn{ID: id, Groups: []string{group}}); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// group returns the group of member i.
func (o clientOrder) group(i int) string {
	switch {
	case i < o.Warmup:
		return warmup
	case o.AtOnce == 0:
		return room
	default:
		return room + strconv.Itoa((i-o.Warmup)/o.AtOnce)
	}
}

// connectionID returns ids in the form of the gateway's, such as L0SM9cOFvHcCIhw=, whose last
// character has to be escaped.
func connectionID(n int) string {
	b := binary.BigEndian.AppendUint64([]byte("gat"), uint64(n)) //nolint:gosec // it is not negative
	return base64.URLEncoding.EncodeToString(b)
}

// minPayload has room for the frame around the data of a push; maxPayload is the gateway's limit.
const (
	minPayload = 64
	maxPayload = gatesock.MaxMessageSize
)

// push returns a message of size bytes.
func push(group string, size int) (gatesock.Push, error) {
	p := gatesock.Push{Event: "message", Topic: group, Data: ""}
	frame, err := p.Encode(nil)
	if err != nil {
		return p, err
	}
	p.Data = strings.Repeat("x", size-len(frame))
	return p, nil
}

// message returns the encoded frame of [push].
func message(group string, size int) ([]byte, error) {
	p, err := push(group, size)
	if err != nil {
		return nil, err
	}
	return p.Encode(nil)
}
