package apigw

import (
	"fmt"
	"strings"

	"github.com/gatesock/gatesock/internal/partition"
)

// apiHost is what the name of an API's own host says: {api}.execute-api.{region}.{suffix}.
type apiHost struct{ region, suffix string }

// readAPIHost reads it under any of the partitions' suffixes.
func readAPIHost(name string) (h apiHost, ok bool) {
	labels := strings.SplitN(name, ".", 4)
	if len(labels) != 4 || labels[0] == "" || labels[1] != "execute-api" || labels[2] == "" {
		return apiHost{}, false
	}
	return apiHost{labels[2], labels[3]}, partition.HasSuffix(labels[3])
}

// check refuses the host of a region that is known to be elsewhere. One that is not known may be new.
func (h apiHost) check() error {
	if p, ok := partition.Of(h.region); ok && p.Suffix != h.suffix {
		return fmt.Errorf("region %s is under %s, not under %s", h.region, p.Suffix, h.suffix)
	}
	return nil
}
