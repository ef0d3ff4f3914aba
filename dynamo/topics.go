package dynamo

import "github.com/gatesock/gatesock/dynamo/internal/table"

// Topics keeps topics in the table. It is safe for concurrent use. See [DB.Topics].
type Topics struct {
	t *table.Table
}

// Topics returns the store of topics. It is the same each time.
func (db *DB) Topics() *Topics {
	db.topicsOnce.Do(func() { db.topics = &Topics{t: db.t} })
	return db.topics
}
