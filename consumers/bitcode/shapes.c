/* shapes.c: what the generated code needs of shapes. */
#include <martlet_bitcode.h>
#include <stdbool.h>

enum kind { SQUARE, CIRCLE = 3 };

struct shape {
    enum kind kind;
    double size;
};

/* The area of a shape. */
BITCODE_WILLRETURN BITCODE_NOSYNC BITCODE_READS_ARGUMENTS
double area(const struct shape *shape)
{
    double square = shape->size * shape->size;
    return shape->kind == CIRCLE ? square * 3.25 : square;
}

/* By what areas are multiplied: nothing that LLVM sees ever writes it. Its home is scale.c. */
extern double scale;

/* An area, scaled. */
double scaled(double area)
{
    return area * scale;
}

/* Whether n is small, as a rare path would be asked: this is not inlined. */
BITCODE_COLD bool is_small(signed char n)
{
    return n > -10 && n < 10;
}
