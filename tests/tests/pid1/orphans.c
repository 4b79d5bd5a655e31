/* orphans N: makes N processes that nobody but process 1 can reap, as fast as it can. */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char **words)
{
	long wanted = count == 2 ? atol(words[1]) : 0;

	for (long made = 0; made < wanted; made++) {
		pid_t parent = fork();

		if (parent == 0) {
			pid_t orphan = fork();

			/* The parent ends without having waited for it. */
			_exit(orphan < 0);
		}
		int status;

		if (parent < 0 || waitpid(parent, &status, 0) != parent || status != 0)
			return 1;
	}
	return wanted == 0;
}
