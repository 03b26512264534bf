package dlq

import (
	"context"

	"golang.org/x/sync/semaphore"
)

// budget bounds the bytes in flight.
type budget struct {
	sem  *semaphore.Weighted
	page int
}

// maxPage is what one fetch asks for at most: Kafka's own max.partition.fetch.bytes.
const maxPage = 1 << 20

func newBudget(total int) *budget {
	// A page is held three times for a moment: as fetched, as records, as the batch to send.
	page := min(maxPage, max(total/8, 1<<13))
	return &budget{sem: semaphore.NewWeighted(int64(total)), page: page}
}

// take reserves one page and returns how to give it back.
func (b *budget) take(ctx context.Context) (release func(), err error) {
	if err := b.sem.Acquire(ctx, int64(3*b.page)); err != nil {
		return nil, err //nolint:wrapcheck // only ctx's own error
	}
	return func() { b.sem.Release(int64(3 * b.page)) }, nil
}
