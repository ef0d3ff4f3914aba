package clienttest

import (
	"math/rand/v2"
	"sync"
)

// choices makes all decisions of a world: by a random source, or by a list of earlier decisions.
// Zero is always the calm decision, with which things go on in order, and what is decided beyond
// the end of a list.
type choices struct {
	random *rand.Rand // nil: the list decides
	list   []int
	made   []int
	mu     sync.Mutex // the server decides too, while the world waits
}

func choicesOf(seed uint64) *choices { return &choices{random: rand.New(rand.NewPCG(seed, 19))} }

// weighted returns an index, with a probability that is proportional to its weight.
func (c *choices) weighted(weights ...int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.random == nil {
		i := c.listed(len(weights))
		if weights[i] == 0 {
			i = 0 // the plan has changed since the list was made
			c.made[len(c.made)-1] = 0
		}
		return i
	}
	total := 0
	for _, w := range weights {
		total += w
	}
	i := 0
	for r := c.random.IntN(total); r >= weights[i]; i++ {
		r -= weights[i]
	}
	c.made = append(c.made, i)
	return i
}

// below returns a number from 0 to n-1.
func (c *choices) below(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.random == nil {
		return c.listed(n)
	}
	i := c.random.IntN(n)
	c.made = append(c.made, i)
	return i
}

// chance reports whether something happens that happens in so many of a thousand cases.
func (c *choices) chance(perMille int) bool {
	return perMille > 0 && c.weighted(1000-perMille, perMille) == 1
}

func (c *choices) listed(n int) int {
	i := 0
	if k := len(c.made); k < len(c.list) && c.list[k] < n {
		i = c.list[k]
	}
	c.made = append(c.made, i)
	return i
}
