/* scale.c: a variable and who writes it; native only. */

double scale = 1;

void set_scale(double to)
{
    scale = to;
}
