package registry

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
	"github.com/gatesock/gatesock/dynamo/internal/table"
)

// The attributes of records and memberships, beside the keys and the expiry.
// docs/adr/0007-table.md explains them.
const (
	AttrUser        = "user"   // S, absent if empty
	AttrEndpoint    = "ep"     // S, may be empty in a record; absent from a membership if empty
	AttrAttributes  = "attrs"  // M of S; absent from records of earlier versions if empty
	AttrGroups      = "groups" // M of N: the group's name to the membership's version
	AttrConnectedAt = "at"     // N, milliseconds since 1970
	AttrVersion     = "v"      // N, in a record the next version, in a membership its own
	AttrNonce       = "n"      // B, distinguishes the records of two Puts
	AttrGuard       = "m"      // N, seconds since 1970: until then a row of an earlier version must be kept out
	AttrSeen        = "seen"   // N, seconds since 1970: the connection's last sign of life that was written
)

// Record is a connection as the table has it.
type Record struct {
	conn.Conn
	// Entries are the versions of the memberships, by group. A second join adds its version to the
	// version of the first, so that the sum is at least Next: that marks a membership that several
	// calls have written.
	Entries map[string]int64
	Next    int64 // the next version; all that have been given out are below it
	Seen    time.Time
}

// Expired reports whether the record has expired, at a time in seconds since 1970.
func (r *Record) Expired(now int64) bool { return r.ExpiresAt.Unix() <= now }

// GetRecord reads the record of a connection, or returns a *conn.NotFoundError.
func (r *Registry) GetRecord(ctx context.Context, id string) (Record, error) {
	found, err := r.ReadRecord(ctx, id)
	if err == nil && found.Expired(r.Now()) {
		return Record{}, &conn.NotFoundError{ID: id}
	}
	return found, err
}

// ReadRecord is GetRecord for callers that want an expired record, too.
func (r *Registry) ReadRecord(ctx context.Context, id string) (Record, error) {
	out, _, err := table.Do(ctx, r.Table, r.API.GetItem, &dynamodb.GetItemInput{
		TableName:      &r.Name,
		Key:            r.ConnectionKey(id),
		ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return Record{}, err
	}
	if out.Item == nil {
		return Record{}, &conn.NotFoundError{ID: id}
	}
	return DecodeRecord(id, out.Item)
}

// EncodeRecord returns the item of a normalized record, with all memberships of one version.
func (r *Registry) EncodeRecord(c conn.Conn, version int64, nonce []byte) table.Item {
	it := r.ConnectionKey(c.ID)
	it[table.Expiry] = table.Number(c.ExpiresAt.Unix())
	it[AttrConnectedAt] = table.Number(c.ConnectedAt.UnixMilli())
	it[AttrSeen] = table.Number(r.Now())
	it[AttrVersion] = table.Number(version + 2)
	it[AttrNonce] = &types.AttributeValueMemberB{Value: nonce}
	it[AttrEndpoint] = table.Text(c.Endpoint)
	if c.User != "" {
		it[AttrUser] = table.Text(c.User)
	}
	attributes := make(table.Item, len(c.Attributes))
	for k, v := range c.Attributes {
		attributes[k] = table.Text(v)
	}
	it[AttrAttributes] = &types.AttributeValueMemberM{Value: attributes} // also if empty, so that some can be set
	groups := make(table.Item, len(c.Groups))
	for _, g := range c.Groups {
		groups[g] = table.Number(version)
	}
	it[AttrGroups] = &types.AttributeValueMemberM{Value: groups}
	return it
}

// DecodeRecord reads the item of a record.
func DecodeRecord(id string, it table.Item) (Record, error) {
	r := Record{Conn: conn.Conn{ID: id}}
	var errs [8]error
	var expires, connected, seen int64
	var attributes, groups table.Item
	r.User, errs[0] = table.GetText(it, AttrUser)
	r.Endpoint, errs[1] = table.GetText(it, AttrEndpoint)
	expires, errs[2] = table.GetNumber(it, table.Expiry)
	connected, errs[3] = table.GetNumber(it, AttrConnectedAt)
	seen, errs[4] = table.GetNumber(it, AttrSeen)
	r.Next, errs[5] = table.GetNumber(it, AttrVersion)
	attributes, errs[6] = table.GetMap(it, AttrAttributes)
	groups, errs[7] = table.GetMap(it, AttrGroups)
	if err := errors.Join(errs[:]...); err != nil {
		return Record{}, fmt.Errorf("the item is not a connection's record: %w", err)
	}
	r.ExpiresAt = time.Unix(expires, 0).UTC()
	r.ConnectedAt = time.UnixMilli(connected).UTC()
	r.Seen = time.Unix(seen, 0).UTC()
	if err := r.decodeMaps(attributes, groups); err != nil {
		return Record{}, fmt.Errorf("the item is not a connection's record: %w", err)
	}
	return r, nil
}

func (r *Record) decodeMaps(attributes, groups table.Item) (err error) {
	if len(attributes) > 0 {
		r.Attributes = make(map[string]string, len(attributes))
	}
	for name := range attributes {
		if r.Attributes[name], err = table.GetText(attributes, name); err != nil {
			return fmt.Errorf("attribute %q: %w", AttrAttributes, err)
		}
	}
	if len(groups) == 0 {
		return nil
	}
	r.Entries = make(map[string]int64, len(groups))
	r.Groups = make([]string, 0, len(groups))
	for name := range groups {
		if r.Entries[name], err = table.GetNumber(groups, name); err != nil {
			return fmt.Errorf("attribute %q: %w", AttrGroups, err)
		}
		r.Groups = append(r.Groups, name)
	}
	slices.Sort(r.Groups)
	return nil
}
