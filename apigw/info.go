package apigw

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	smithytime "github.com/aws/smithy-go/time"
	"github.com/gatesock/gatesock"
)

// parseInfo reads the answer to a GET, in which everything may be missing or null, as the SDK does. Unlike fields of a
// struct, keys of a map have to match exactly.
func parseInfo(body []byte) (gatesock.ConnectionInfo, error) {
	var top, identity map[string]json.RawMessage
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&top); err != nil && !errors.Is(err, io.EOF) {
		return gatesock.ConnectionInfo{}, fmt.Errorf("failed to decode the answer: %w", err)
	}
	var (
		info                gatesock.ConnectionInfo
		connected, lastSeen isoTime
	)
	for _, member := range []struct {
		data json.RawMessage
		to   any
	}{
		{top["connectedAt"], &connected},
		{top["lastActiveAt"], &lastSeen},
		{top["identity"], &identity},
	} {
		if err := unmarshal(member.data, member.to); err != nil {
			return gatesock.ConnectionInfo{}, err
		}
	}
	if err := unmarshal(identity["sourceIp"], &info.Identity.SourceIP); err != nil {
		return gatesock.ConnectionInfo{}, err
	}
	if err := unmarshal(identity["userAgent"], &info.Identity.UserAgent); err != nil {
		return gatesock.ConnectionInfo{}, err
	}
	info.ConnectedAt, info.LastActiveAt = time.Time(connected).UTC(), time.Time(lastSeen).UTC()
	return info, nil
}

// unmarshal reads a member that may be missing.
func unmarshal(data json.RawMessage, to any) error {
	if data == nil {
		return nil
	}
	if err := json.Unmarshal(data, to); err != nil {
		return fmt.Errorf("failed to decode the answer: %w", err)
	}
	return nil
}

// isoTime is a time in ISO 8601, with or without an offset.
type isoTime time.Time

func (t *isoTime) UnmarshalJSON(data []byte) error {
	var s *string
	if err := json.Unmarshal(data, &s); err != nil || s == nil {
		return err
	}
	parsed, err := smithytime.ParseDateTime(*s)
	if err != nil {
		return err
	}
	*t = isoTime(parsed)
	return nil
}
