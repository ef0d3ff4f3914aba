package dynamo

import (
	"fmt"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/internal/oneline"
)

const (
	// maxItem is the most bytes of an item, names of attributes counted in (Amazon DynamoDB Developer
	// Guide, "Quotas").
	maxItem = 400 << 10
	// maxAttributeName is the most bytes of an attribute's name, in a map too (the same page).
	maxAttributeName = 64<<10 - 1
	// maxNumber is the most bytes that a number takes: one for two digits, and one.
	maxNumber = 21
	// fixed is what a record takes beside the application's values: the names of its attributes, the
	// numbers, the nonce and the maps' own bytes.
	fixed = 200
	// maxShown is the most bytes of a name in an error.
	maxShown = 40
)

// checkSizes refuses a record that DynamoDB would refuse.
func checkSizes(c conn.Conn, prefix int) error {
	if len(c.ID) > MaxNameBytes {
		return tooLong("connection id", len(c.ID), MaxNameBytes)
	}
	if most := MaxNameBytes - len(conn.UserGroup("")); len(c.User) > most {
		return tooLong("user", len(c.User), most)
	}
	for _, g := range c.Groups {
		if len(g) > MaxNameBytes {
			return tooLong("group "+oneline.Quote(g, maxShown), len(g), MaxNameBytes)
		}
	}
	for k := range c.Attributes {
		if len(k) > maxAttributeName {
			return tooLong("the name of attribute "+oneline.Quote(k, maxShown), len(k), maxAttributeName)
		}
	}
	return checkTotal(c, prefix)
}

// checkTotal counts as DynamoDB does (Amazon DynamoDB Developer Guide, "DynamoDB item sizes and
// formats"), numbers as if they were the longest. An error names the largest part.
func checkTotal(c conn.Conn, prefix int) error {
	total, largest, what := fixed+prefix, 0, ""
	add := func(size int, name string) {
		if total += size; size > largest {
			largest, what = size, name
		}
	}
	add(len(c.ID), "connection id")
	add(len(c.User), "user")
	add(len(c.Endpoint), "endpoint")
	for k, v := range c.Attributes {
		add(len(k)+len(v)+1, "attribute "+oneline.Quote(k, maxShown))
	}
	groups := 0
	for _, g := range c.Groups {
		groups += len(g) + 1 + maxNumber
	}
	add(groups, "groups")
	if total > maxItem {
		return fmt.Errorf("%w: the record has about %d bytes, the most is %d; the largest part, %s, has %d",
			conn.ErrInvalid, total, maxItem, what, largest)
	}
	return nil
}
