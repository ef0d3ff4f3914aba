// Package topicrow has the form of a presence row as an item of the table.
package topicrow

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/gatesock/gatesock/dynamo/internal/table"
	"github.com/gatesock/gatesock/topic"
)

// The attributes of a row. Its expiry is table.Expiry.
const (
	Version = "v"

	attrUser      = "u"
	attrAs        = "a"
	attrConnected = "c" // Unix time in milliseconds
)

// Encode adds the attributes of a row to the item with its key.
func Encode(it table.Item, r topic.Row) {
	it[Version] = table.Number(r.Version)
	it[attrConnected] = table.Number(r.ConnectedAt.UnixMilli())
	it[table.Expiry] = table.Number(r.ExpiresAt.Unix())
	if r.User != "" {
		it[attrUser] = table.Text(r.User)
	}
	if r.As != nil {
		it[attrAs] = table.Text(string(r.As))
	}
}

// Decode returns the row in an item.
func Decode(it table.Item) (r topic.Row, err error) {
	var as string
	var connected, expires int64
	for _, read := range []func() error{
		func() (err error) { r.ID, err = table.GetText(it, table.SortKey); return err },
		func() (err error) { r.User, err = table.GetText(it, attrUser); return err },
		func() (err error) { as, err = table.GetText(it, attrAs); return err },
		func() (err error) { r.Version, err = table.GetNumber(it, Version); return err },
		func() (err error) { connected, err = table.GetNumber(it, attrConnected); return err },
		func() (err error) { expires, err = table.GetNumber(it, table.Expiry); return err },
	} {
		if err := read(); err != nil {
			return topic.Row{}, fmt.Errorf("member %.100q: %w", r.ID, err)
		}
	}
	if as != "" {
		if !json.Valid([]byte(as)) {
			return topic.Row{}, fmt.Errorf("member %.100q: attribute %q is not JSON", r.ID, attrAs)
		}
		r.As = json.RawMessage(as)
	}
	r.ConnectedAt, r.ExpiresAt = time.UnixMilli(connected).UTC(), time.Unix(expires, 0).UTC()
	return r, nil
}
