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

// Info is what the gateway knows about an open connection.
type Info struct {
	// ConnectedAt and LastActiveAt are in milliseconds, UTC.
	ConnectedAt  time.Time
	LastActiveAt time.Time
	// Identity has the source address and the user agent; the agent is empty if the client sent none.
	Identity gatesock.Identity
}

// parseInfo reads the answer to a GET, in which everything may be missing or null, as the SDK does.
func parseInfo(body []byte) (Info, error) {
	var in struct {
		ConnectedAt  isoTime `json:"connectedAt"`
		LastActiveAt isoTime `json:"lastActiveAt"`
		Identity     struct {
			SourceIP  string `json:"sourceIp"`
			UserAgent string `json:"userAgent"`
		} `json:"identity"`
	}
	err := json.NewDecoder(bytes.NewReader(body)).Decode(&in)
	if err != nil && !errors.Is(err, io.EOF) {
		return Info{}, fmt.Errorf("failed to decode the answer: %w", err)
	}
	return Info{
		ConnectedAt:  time.Time(in.ConnectedAt).UTC(),
		LastActiveAt: time.Time(in.LastActiveAt).UTC(),
		Identity:     gatesock.Identity{SourceIP: in.Identity.SourceIP, UserAgent: in.Identity.UserAgent},
	}, nil
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
