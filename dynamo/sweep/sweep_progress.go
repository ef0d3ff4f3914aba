package sweep

import (
	"encoding/json"
	"errors"
	"fmt"
)

// progress is what a sweeper leaves for the next: it is kept as JSON in one item.
type progress struct {
	Version int `json:"version"`
	// Pass is the one under way; between passes it is zero.
	Pass Pass `json:"pass,omitzero"`
	// After is the key up to which the table was read; zero at the beginning of a pass.
	After place `json:"after,omitzero"`
	// Last is the latest complete pass.
	Last *Pass `json:"last,omitempty"`
}

// progressVersion changes with what the JSON means.
const progressVersion = 1

// place is a primary key of the table, of an item of any kind.
type place struct {
	PK string `json:"pk"`
	SK string `json:"sk"`
}

const (
	maxPartitionKey = 2048 // bytes (Amazon DynamoDB Developer Guide, "Quotas")
	maxSortKey      = 1024
)

func (p place) valid() bool {
	return p == place{} || p.PK != "" && p.SK != "" && len(p.PK) <= maxPartitionKey && len(p.SK) <= maxSortKey
}

func encodeProgress(p progress) (string, error) {
	p.Version = progressVersion
	b, err := json.Marshal(p)
	return string(b), err
}

// decodeProgress refuses what no sweeper can have written: to go on from there could end in a wrong number, or never.
func decodeProgress(data string) (progress, error) {
	var p progress
	if err := json.Unmarshal([]byte(data), &p); err != nil {
		return progress{}, err
	}
	if p.Version != progressVersion {
		return progress{}, fmt.Errorf("it is of version %d, this sweeper knows %d", p.Version, progressVersion)
	}
	return p, p.check()
}

func (p *progress) check() error {
	switch begun := !p.Pass.Started.IsZero(); {
	case !p.After.valid():
		return errors.New("its place is no key of the table")
	case !p.Pass.plausible():
		return errors.New("its numbers do not add up")
	case !p.Pass.Ended.IsZero() || !begun && (p.After != place{} || p.Pass.Counts != Counts{}):
		return errors.New("its pass has ended, or has not begun")
	case p.Last != nil && (!p.Last.plausible() || p.Last.Started.IsZero() || p.Last.Ended.IsZero()):
		return errors.New("its last pass is none")
	}
	return nil
}
