package topic

import (
	"context"
	"sync"
	"time"
)

// The bounds of what a process remembers of the values of topics.
const (
	maxCacheBytes = 8 << 20
	maxCacheAge   = time.Minute
)

// valuesCache has pages of values that the process has read, so that thousands of clients that come
// back at once cost a read unit each, and not the whole topic.
//
// A page holds as long as the counter of the topic is the one that was read before the page. All
// values that the counter counts were stored before that. A value that is not counted yet is pushed
// to the members of a time after it was counted, among which is every client that got the page. A
// value whose process has died before it was counted would be missing for ever, so a page does not
// get old.
//
// The zero value is empty.
type valuesCache struct {
	mu    sync.Mutex
	pages map[pageKey]cachedPage
	bytes int
}

// pageKey is what a page was asked for.
type pageKey struct {
	topic, after string
	bytes        int
}

type cachedPage struct {
	page    ValuesPage
	counter int64
	read    time.Time
	size    int
}

func (c *valuesCache) get(k pageKey, counter int64, now time.Time) (ValuesPage, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.pages[k]
	if age := now.Sub(p.read); !ok || p.counter != counter || age > maxCacheAge || age < 0 {
		return ValuesPage{}, false
	}
	return p.page, true
}

func (c *valuesCache) put(k pageKey, p cachedPage) {
	const overhead = 256 // of a value, for itself and the map
	p.size = len(k.topic) + len(k.after) + overhead
	for _, v := range p.page.Values {
		p.size += len(v.Key) + len(v.Data) + overhead
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bytes += p.size - c.pages[k].size
	if c.pages == nil || c.bytes > maxCacheBytes {
		c.pages, c.bytes = make(map[pageKey]cachedPage), p.size
	}
	c.pages[k] = p
}

// readPage returns a page of the values of a topic whose counter was read before.
func (t *Topics) readPage(ctx context.Context, k pageKey, counter int64) (ValuesPage, error) {
	now := t.now()
	if page, ok := t.pages.get(k, counter, now); ok {
		return page, nil
	}
	page, err := t.values.ReadValues(ctx, ValuesQuery{Topic: k.topic, After: k.after, Bytes: k.bytes})
	if err != nil {
		return ValuesPage{}, err
	}
	t.pages.put(k, cachedPage{page: page, counter: counter, read: now})
	return page, nil
}
