package dynamoconn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/internal/dynamotable"
)

// Get gives the record of a connection; see [conn.Store]. It costs 1 read unit for each 4 KB of the record.
func (s *Store) Get(ctx context.Context, id string) (conn.Conn, error) {
	if err := check(ctx, "connection id", id); err != nil {
		return conn.Conn{}, err
	}
	r, err := s.getRecord(ctx, id)
	if err != nil && !errors.Is(err, conn.ErrNotFound) {
		return conn.Conn{}, fmt.Errorf("dynamoconn: get connection %.100q: %w", id, err)
	}
	return r.Conn, err
}

// getRecord reads the record of a connection, or returns a *conn.NotFoundError.
func (s *Store) getRecord(ctx context.Context, id string) (record, error) {
	r, err := s.readRecord(ctx, id)
	if err == nil && r.expired(s.now()) {
		return record{}, &conn.NotFoundError{ID: id}
	}
	return r, err
}

// readRecord is getRecord for callers to whom a record that has expired is a record as well.
func (s *Store) readRecord(ctx context.Context, id string) (record, error) {
	out, _, err := do(ctx, s, s.api.GetItem, &dynamodb.GetItemInput{
		TableName:      &s.table,
		Key:            s.connectionKey(id),
		ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return record{}, err
	}
	if out.Item == nil {
		return record{}, &conn.NotFoundError{ID: id}
	}
	return decodeRecord(id, out.Item)
}

// record is a connection as the table has it.
type record struct {
	conn.Conn
	// entries are the versions of the memberships, by group. A second join adds its version to that of the
	// first, so that the sum is at least next: the mark of a membership that several calls have written.
	entries map[string]int64
	next    int64 // the next version; all that have been given out are below it
	seen    time.Time
}

func (r *record) expired(now int64) bool { return r.ExpiresAt.Unix() <= now }

// encodeRecord gives the item of a record that is canonical, with all memberships of one version.
func (s *Store) encodeRecord(c conn.Conn, version int64, nonce []byte) item {
	it := s.connectionKey(c.ID)
	it[dynamotable.Expiry] = number(c.ExpiresAt.Unix())
	it[attrConnectedAt] = number(c.ConnectedAt.UnixMilli())
	it[attrSeen] = number(s.now())
	it[attrVersion] = number(version + 2)
	it[attrNonce] = &types.AttributeValueMemberB{Value: nonce}
	it[attrEndpoint] = text(c.Endpoint)
	if c.User != "" {
		it[attrUser] = text(c.User)
	}
	attributes := make(item, len(c.Attributes))
	for k, v := range c.Attributes {
		attributes[k] = text(v)
	}
	it[attrAttributes] = &types.AttributeValueMemberM{Value: attributes} // also if empty, so that some can be set
	groups := make(item, len(c.Groups))
	for _, g := range c.Groups {
		groups[g] = number(version)
	}
	it[attrGroups] = &types.AttributeValueMemberM{Value: groups}
	return it
}

// decodeRecord reads the item of a record.
func decodeRecord(id string, it item) (record, error) {
	r := record{Conn: conn.Conn{ID: id}}
	var errs [8]error
	var expires, connected, seen int64
	var attributes, groups item
	r.User, errs[0] = getText(it, attrUser)
	r.Endpoint, errs[1] = getText(it, attrEndpoint)
	expires, errs[2] = getNumber(it, dynamotable.Expiry)
	connected, errs[3] = getNumber(it, attrConnectedAt)
	seen, errs[4] = getNumber(it, attrSeen)
	r.next, errs[5] = getNumber(it, attrVersion)
	attributes, errs[6] = getMap(it, attrAttributes)
	groups, errs[7] = getMap(it, attrGroups)
	if err := errors.Join(errs[:]...); err != nil {
		return record{}, fmt.Errorf("the item is no record of a connection: %w", err)
	}
	r.ExpiresAt = time.Unix(expires, 0).UTC()
	r.ConnectedAt = time.UnixMilli(connected).UTC()
	r.seen = time.Unix(seen, 0).UTC()
	if err := r.decodeMaps(attributes, groups); err != nil {
		return record{}, fmt.Errorf("the item is no record of a connection: %w", err)
	}
	return r, nil
}

func (r *record) decodeMaps(attributes, groups item) (err error) {
	if len(attributes) > 0 {
		r.Attributes = make(map[string]string, len(attributes))
	}
	for name := range attributes {
		if r.Attributes[name], err = getText(attributes, name); err != nil {
			return fmt.Errorf("attribute %q: %w", attrAttributes, err)
		}
	}
	if len(groups) == 0 {
		return nil
	}
	r.entries = make(map[string]int64, len(groups))
	r.Groups = make([]string, 0, len(groups))
	for name := range groups {
		if r.entries[name], err = getNumber(groups, name); err != nil {
			return fmt.Errorf("attribute %q: %w", attrGroups, err)
		}
		r.Groups = append(r.Groups, name)
	}
	slices.Sort(r.Groups)
	return nil
}
